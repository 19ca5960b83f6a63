"""Reasons to doubt single launches: tensor work that nothing counted, half instructions left out, failed profiling."""

import math
from collections.abc import Iterator

import polars as pl

from roofprof.analysis.tensor_rules import tensor_findings
from roofprof.findings import Finding, Severity
from roofprof.formatting import format_number, format_percent, quantity
from roofprof.hardware.devices import PIPES
from roofprof.launches.kernel_names import is_matrix_kernel
from roofprof.launches.measured_work import CONSTANT_MOVES_PER_THREAD, CallRow
from roofprof.launches.tensor_activity import TENSOR_COLUMNS
from roofprof.results.thresholds import LAUNCH_BOUND_NS, LOW_OCCUPANCY

_SHAPE_COLUMNS = (
    "report", "launch_id", "op", "kernel_name", "kernel_demangled_name", "grid", "sm_count", "duration_ns",
    "waves_per_sm", "achieved_occupancy", "theoretical_occupancy", "registers_per_thread",
    "shared_memory_per_block_bytes", *TENSOR_COLUMNS,
)  # fmt: skip
"""What the rules read: a row of all columns costs several times as much."""


def launch_findings(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about launches with `with_measured_work`'s columns and `op` (null where unattributed)."""
    yield from tensor_findings(launches)
    yield from _constant_moves(launches)
    yield from _failed(launches)
    yield from shape_findings(launches)


def _failed(launches: pl.DataFrame) -> Iterator[Finding]:
    """Launches that ncu could not profile: without time and without a counter."""
    rows = launches.filter("profiling_failed").select("report", "launch_id", "op", "kernel_name")
    count = dict(rows["report"].value_counts().iter_rows())
    for row in rows.iter_rows(named=True):
        yield Finding(
            "profiling-failed",
            Severity.WARNING,
            f"{row['kernel_name'][:60]}: launch {row['launch_id']} has neither a time nor counters"
            + (f", one of {many} such launches" if (many := count[row["report"]]) > 1 else "")
            + "; sums leave it out",
            "ncu could not profile it: see its output; profile fewer metrics, or that kernel alone",
            launch_id=row["launch_id"],  # of no op: it is in no call, and said all the same
            report=row["report"],
            values={
                "kernel_name": row["kernel_name"],
                "op": row["op"],
                "failed_launch_count": count[row["report"]],
            },
        )


def _constant_moves(launches: pl.DataFrame) -> Iterator[Finding]:
    for row in launches.filter(pl.col("fp16_left_out_flop_count") > 0).iter_rows(named=True):
        halves, threads = row["half_instruction_count"], row["thread_count"]
        by_opcodes = row["half_move_count"] == halves
        count = f"{halves / threads if threads else halves:.3g}"
        many, verb = ("instruction", "is") if count == "1" else ("instructions", "are")
        each = f"{count} half {many}{' per thread' if threads else ''} {verb}"
        yield Finding(
            "fp16-constant-moves",
            Severity.DOUBTFUL,
            f"{row['kernel_name'][:60]}: {each} taken for constant loads and conversions and left out of the FLOPs",
            "all of them are HFMA2.MMA, where half arithmetic uses HFMA2 as well; the raw count is in values"
            if by_opcodes
            else f"up to {CONSTANT_MOVES_PER_THREAD} per thread are left out; the raw count is in values",
            op=row["op"],
            launch_id=row["launch_id"],
            report=row["report"],
            values={
                "half_instruction_count": halves,
                "fp16_left_out_flop_count": row["fp16_left_out_flop_count"],
            },
        )


MANY_WAVES = 4.0
"""From four waves on a partial one costs less than a fifth, and blocks that end early blur it."""
WAVE_EFFICIENCY = 0.8
"""Filled part of all waves below which it is said."""


def shape_findings(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about launches in ops."""
    kernels = launches.filter((pl.col("workload_type") == "kernel") & pl.col("op").is_not_null())
    kernels = kernels.filter(~pl.col("communicates"))  # a link is full from a few SMs
    for row in kernels.select(_SHAPE_COLUMNS).iter_rows(named=True):
        waves, occupancy = row["waves_per_sm"], row["achieved_occupancy"]
        if waves is not None and waves > 0:
            yield from _partial_wave(row, waves)
        if occupancy is not None and (waves is None or waves >= 1):
            yield from _low_occupancy(row, occupancy)


def _finding(row: CallRow, kind: str, message: str, hint: str, **values: object) -> Finding:
    text = f"{row['kernel_name'][:60]}: {message}"
    return Finding(
        kind, Severity.INFO, text, hint, op=row["op"], launch_id=row["launch_id"], report=row["report"],
        values={"kernel_name": row["kernel_name"], **values},
    )  # fmt: skip


def _partial_wave(row: CallRow, waves: float) -> Iterator[Finding]:
    """Idle SMs: in the last of a few waves, or, below one wave, because there are fewer blocks than SMs."""
    if waves >= 1:
        filled = waves / math.ceil(waves)
        message = (
            f"{format_number(waves)} waves of blocks: the last leaves {format_percent(1 - filled)} of all unfilled"
        )
    else:
        blocks, sms = math.prod(row["grid"] or []), row["sm_count"]
        if not row["grid"] or not sms or (row["duration_ns"] or 0.0) < LAUNCH_BOUND_NS:
            return
        filled = blocks / sms
        message = f"{quantity(blocks, 'block')} on {sms} SMs"
    if waves < MANY_WAVES and filled < WAVE_EFFICIENCY:
        yield _finding(
            row, "partial-wave", message, "another tile size, split K, or a persistent kernel uses the idle SMs",
            waves_per_sm=waves, filled=filled,
        )  # fmt: skip


def _low_occupancy(row: CallRow, occupancy: float) -> Iterator[Finding]:
    matrix = is_matrix_kernel(row["kernel_name"], row["kernel_demangled_name"])
    tensor = any(row[f"{pipe}_flop_count"] for pipe in PIPES if pipe.startswith("tensor_"))
    if occupancy < LOW_OCCUPANCY and not matrix and not tensor:
        yield _finding(
            row, "low-occupancy", f"{format_percent(occupancy)} of the warps that an SM can hold were active",
            "its blocks end sooner than new ones start, for their resources would allow more: let each do more"
            if (row["theoretical_occupancy"] or 0.0) >= LOW_OCCUPANCY
            else "fewer registers or less shared memory per block, or more blocks",
            achieved_occupancy=occupancy,
            theoretical_occupancy=row["theoretical_occupancy"], registers_per_thread=row["registers_per_thread"],
            shared_memory_per_block_bytes=row["shared_memory_per_block_bytes"],
        )  # fmt: skip
