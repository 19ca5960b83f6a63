"""Whether a launch did tensor work that nothing counted: by its opcodes, else by the activity of the tensor pipe."""

import polars as pl

from roofprof.launches.schema import RAW_FLOP_COLUMNS

TENSOR_COLUMNS = tuple(column for column in RAW_FLOP_COLUMNS if column.startswith("tensor_"))
CYCLES_PER_HALF_INSTRUCTION = 1.0
"""HFMA2.MMA keeps the tensor pipe active 0.5 cycles per warp instruction; 0.25 to 0.57 were seen. Twice that
is allowed for before the activity counts as unexplained."""
MIN_ACTIVE_CYCLES = 1.0
WARP_LANES = 32


def unexplained_tensor_cycles() -> pl.Expr:
    """Tensor-pipe cycles of an SM beyond what a launch's half instructions explain; null where not measured.

    Counters of half instructions count lanes, the pipe works by warp: partly filled warps are scaled up.
    """
    half, threads = pl.col("half_instruction_count").fill_null(0.0), pl.col("thread_count")
    sides = [[pl.col(name).list.get(axis, null_on_oob=True) for axis in range(3)] for name in ("grid", "block")]
    blocks, block = (x * y * z for x, y, z in sides)
    warps = (block + (WARP_LANES - 1)) // WARP_LANES * blocks
    scaled = pl.when((half > 0) & (threads > 0) & warps.is_not_null()).then(half / threads * warps)
    explaining = pl.max_horizontal(scaled.otherwise(half / WARP_LANES), "tensor_pipe_half_warp_count")
    per_sm = CYCLES_PER_HALF_INSTRUCTION * explaining / pl.col("sm_count")
    return pl.when(pl.col("sm_count") > 0).then(pl.col("tensor_pipe_active_cycles") - per_sm)


def by_opcodes() -> pl.Expr:
    """Whether a launch's opcodes were read: then they tell whether it did tensor work at all."""
    return pl.any_horizontal(pl.col("how").struct.field(c).eq_missing("opcodes") for c in TENSOR_COLUMNS)


def tensor_work_unknown() -> pl.Expr:
    """Whether the launch did tensor work that no FLOP column holds any of.

    An opcode says so, or, where no opcodes were read, a pipe that is busy beyond its half instructions although every
    count is 0 or unknown.
    """
    nothing = pl.sum_horizontal(TENSOR_COLUMNS) == 0
    busy = (unexplained_tensor_cycles() > MIN_ACTIVE_CYCLES).fill_null(False)
    kernel = pl.col("workload_type") == "kernel"
    return pl.col("uncounted_opcodes").is_not_null() | (kernel & nothing & busy & ~by_opcodes())
