"""Reasons to doubt single launches: tensor counters that read 0 where they must not, half instructions left out."""

import math
from collections.abc import Iterator

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import format_number, format_percent
from roofprof.hardware.devices import PIPES
from roofprof.launches.kernel_names import is_matrix_kernel
from roofprof.launches.measured_work import CONSTANT_MOVES_PER_THREAD, CallRow
from roofprof.results.thresholds import LAUNCH_BOUND_NS, LOW_OCCUPANCY

CYCLES_PER_HALF_INSTRUCTION = 1.0
"""HFMA2.MMA keeps the tensor pipe active 0.5 cycles per warp instruction; 0.25 to 0.57 were seen. Twice that
is allowed for before the activity counts as unexplained."""
MIN_ACTIVE_CYCLES = 1.0
WARP_LANES = 32
SHOWN_LAUNCHES = 5
SLOWEST_SHARE_OF_PEAK = 0.5
"""Of the dense wgmma rate per active cycle: mma.sync reaches 0.67 of it, unaligned operands 0.5."""

TENSOR_COLUMNS = (
    "tensor_fp4_flop_count", "tensor_fp6_flop_count", "tensor_fp8_flop_count", "tensor_fp16_flop_count",
    "tensor_bf16_flop_count", "tensor_tf32_flop_count", "tensor_fp64_flop_count", "tensor_int8_flop_count",
)  # fmt: skip


_CYCLE_COLUMNS = (
    "report", "launch_id", "op", "kernel_name", "kernel_demangled_name", "grid", "block", "sm_count", "sm_clock_hz",
    "thread_count", "half_instruction_count", "tensor_pipe_active_cycles", *TENSOR_COLUMNS,
)  # fmt: skip
_SHAPE_COLUMNS = (
    "report", "launch_id", "op", "kernel_name", "kernel_demangled_name", "grid", "sm_count", "duration_ns",
    "waves_per_sm", "achieved_occupancy", "theoretical_occupancy", "registers_per_thread",
    "shared_memory_per_block_bytes", *TENSOR_COLUMNS,
)  # fmt: skip
"""What the rules read: a row of all columns costs several times as much."""


def launch_findings(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about launches with `with_measured_work`'s columns and `op` (null where unattributed)."""
    yield from _failed(launches)
    yield from _tensor_zero(launches)
    yield from _constant_moves(launches)
    yield from _uncounted_precision(launches)
    yield from shape_findings(launches)


def unexplained_tensor_cycles(row: CallRow) -> float | None:
    """Tensor-pipe cycles of an SM beyond what the launch's half instructions explain; None where not measured.

    Counters of half instructions count lanes, the pipe works by warp: partly filled warps are scaled up.
    """
    active, sms = row["tensor_pipe_active_cycles"], row["sm_count"]
    if active is None or not sms:
        return None
    half, threads = row["half_instruction_count"] or 0.0, row["thread_count"]
    warp_instructions = half / WARP_LANES
    if half and threads and row["grid"] and row["block"]:
        block = row["block"][0] * row["block"][1] * row["block"][2]
        blocks = row["grid"][0] * row["grid"][1] * row["grid"][2]
        warp_instructions = half / threads * (-(-block // WARP_LANES) * blocks)
    return float(active - CYCLES_PER_HALF_INSTRUCTION * warp_instructions / sms)


def _failed(launches: pl.DataFrame) -> Iterator[Finding]:
    """Launches without a time in a report that has times: ncu could not profile them."""
    untimed = pl.col("duration_ns").is_null()
    rows = launches.filter(untimed & pl.col("duration_ns").is_not_null().any().over("report"))
    kernels = rows.group_by("report", "op", "kernel_name", maintain_order=True).agg("launch_id")
    calls = {(r, op): n for r, op, n in launches.group_by("report", "op").len().iter_rows()}
    for report, op, name, ids in kernels.iter_rows():
        some = ", ".join(map(str, ids[:SHOWN_LAUNCHES])) + (", ..." if len(ids) > SHOWN_LAUNCHES else "")
        yield Finding(
            "launch-failed",
            Severity.WARNING,
            f"{name[:60]}: {len(ids)} of {calls[report, op]} launches hold no time, for profiling them failed: launch "
            f"{some}",
            "they are in no median and in no sum; profile them again, alone",
            report=report,
            values={"launch_count": len(ids), "launch_ids": ids, "op": op},
        )


def _tensor_zero(launches: pl.DataFrame) -> Iterator[Finding]:
    """All tensor counters 0 although the pipe was active, or although the kernel is named as a GEMM or attention."""
    counted = pl.any_horizontal(pl.col(c).is_not_null() for c in TENSOR_COLUMNS)
    zero = pl.sum_horizontal(TENSOR_COLUMNS) == 0
    rows = launches.filter(counted & zero & (pl.col("workload_type") == "kernel")).select(_CYCLE_COLUMNS)
    for row in rows.iter_rows(named=True):
        beyond = unexplained_tensor_cycles(row)
        named = is_matrix_kernel(row["kernel_name"], row["kernel_demangled_name"])
        active = beyond is not None and beyond > MIN_ACTIVE_CYCLES
        if not active and not named:
            continue
        uncollected = [c.removesuffix("_flop_count") for c in TENSOR_COLUMNS if row[c] is None]
        what = (
            f"the tensor pipe was active {beyond:.0f} cycles"
            if active
            else "the kernel is named as a GEMM or attention"
        )
        idle = not active and beyond is not None
        yield Finding(
            "tensor-counter-zero",
            Severity.INFO if idle else Severity.WARNING,
            f"{row['kernel_name'][:60]}: all tensor counters collected are 0, yet {what}"
            + ("; its tensor pipe was idle, so it had nothing to do or ran on CUDA cores" if idle else ""),
            None if idle else _remedy(uncollected),
            op=row["op"],
            launch_id=row["launch_id"],
            report=row["report"],
            values={
                "kernel_name": row["kernel_name"],
                "tensor_pipe_active_cycles": row["tensor_pipe_active_cycles"],
                "unexplained_cycles": beyond,
                "uncollected": uncollected,
            },
        )


def _uncounted_precision(launches: pl.DataFrame) -> Iterator[Finding]:
    """The tensor pipe active well beyond what the counted precisions and half instructions explain."""
    counted = pl.sum_horizontal(TENSOR_COLUMNS) > 0
    peaks = (f"peak_{column.removesuffix('_flop_count')}_flop_per_s" for column in TENSOR_COLUMNS)
    rows = launches.filter(counted & (pl.col("workload_type") == "kernel")).select(*_CYCLE_COLUMNS, *peaks)
    for row in rows.iter_rows(named=True):
        beyond, explained = unexplained_tensor_cycles(row), _cycles_of_counted(row)
        uncollected = [c.removesuffix("_flop_count") for c in TENSOR_COLUMNS if row[c] is None]
        if beyond is None or explained is None or not uncollected:
            continue
        left = beyond - explained / SLOWEST_SHARE_OF_PEAK
        if left > max(MIN_ACTIVE_CYCLES, 0.1 * beyond):
            yield Finding(
                "uncounted-precision",
                Severity.WARNING,
                f"{row['kernel_name'][:60]}: the tensor pipe was active {left:.0f} cycles more than the counted FLOPs "
                "can take",
                _remedy(uncollected),
                op=row["op"],
                launch_id=row["launch_id"],
                report=row["report"],
                values={"unexplained_cycles": left, "explained_cycles": explained, "uncollected": uncollected},
            )


def _cycles_of_counted(row: CallRow) -> float | None:
    """Active cycles of an SM that the counted FLOPs take at the dense rate; None where a rate is unknown."""
    total = 0.0
    for column in TENSOR_COLUMNS:
        if not row[column]:
            continue
        peak = row[f"peak_{column.removesuffix('_flop_count')}_flop_per_s"]
        if not peak or not row["sm_clock_hz"]:
            return None
        total += row[column] / (peak / row["sm_clock_hz"])
    return total


def _remedy(uncollected: list[str]) -> str:
    if uncollected:
        return f"this 0 is not reliable: collect the other precisions too ({', '.join(uncollected)})"
    return "this 0 is not reliable: this chip may name its counters otherwise, see `ncu --query-metrics`"


def _constant_moves(launches: pl.DataFrame) -> Iterator[Finding]:
    for row in launches.filter(pl.col("fp16_left_out_flop_count") > 0).iter_rows(named=True):
        per_thread = row["half_instruction_count"] / row["thread_count"]
        yield Finding(
            "fp16-constant-moves",
            Severity.DOUBTFUL,
            f"{row['kernel_name'][:60]}: {per_thread:.3g} half instructions per thread are taken for constant loads "
            "and conversions and left out of the FLOPs",
            f"up to {CONSTANT_MOVES_PER_THREAD} per thread are left out; the raw count is in values",
            op=row["op"],
            launch_id=row["launch_id"],
            report=row["report"],
            values={
                "half_instruction_count": row["half_instruction_count"],
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
        message = f"{blocks} blocks on {sms} SMs"
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
            "fewer registers or less shared memory per block, or more blocks", achieved_occupancy=occupancy,
            theoretical_occupancy=row["theoretical_occupancy"], registers_per_thread=row["registers_per_thread"],
            shared_memory_per_block_bytes=row["shared_memory_per_block_bytes"],
        )  # fmt: skip
