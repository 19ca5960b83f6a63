"""What a launch's shape costs: a last wave that leaves SMs idle, few warps to hide latency with."""

import math
from collections.abc import Iterator

import polars as pl

from roofprof.device import PIPES
from roofprof.findings import Finding, Severity
from roofprof.kernel_names import is_matrix_kernel
from roofprof.units import format_number, format_percent

MANY_WAVES = 4.0
"""From four waves on a partial one costs less than a fifth, and blocks that end early blur it."""
WAVE_EFFICIENCY = 0.8
"""Filled part of all waves below which it is said."""
SHORT_NS = 5e3
"""Below this a kernel's start and end take most of its time, whatever its grid."""
LOW_OCCUPANCY = 0.25
"""An eighth to a quarter of the warps rarely hides DRAM latency; kernels that copy in bulk (TMA) need no more."""


def shape_findings(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about launches in ops."""
    kernels = launches.filter((pl.col("workload_type") == "kernel") & pl.col("op").is_not_null())
    for row in kernels.iter_rows(named=True):
        waves, occupancy = row["waves_per_sm"], row["achieved_occupancy"]
        if waves is not None and waves > 0:
            yield from _partial_wave(row, waves)
        if occupancy is not None and (waves is None or waves >= 1):
            yield from _low_occupancy(row, occupancy)


def _finding(row: dict, kind: str, message: str, hint: str, **values: object) -> Finding:  # type: ignore[type-arg]
    text = f"{row['kernel_name'][:60]}: {message}"
    return Finding(
        kind, Severity.INFO, text, hint, op=row["op"], launch_id=row["launch_id"], report=row["report"],
        values={"kernel_name": row["kernel_name"], **values},
    )  # fmt: skip


def _partial_wave(row: dict, waves: float) -> Iterator[Finding]:  # type: ignore[type-arg]
    """Idle SMs: in the last of a few waves, or, below one wave, because there are fewer blocks than SMs."""
    if waves >= 1:
        filled = waves / math.ceil(waves)
        message = (
            f"{format_number(waves)} waves of blocks: the last leaves {format_percent(1 - filled)} of all unfilled"
        )
    else:
        blocks, sms = math.prod(row["grid"] or []), row["sm_count"]
        if not row["grid"] or not sms or (row["duration_ns"] or 0.0) < SHORT_NS:
            return
        filled = blocks / sms
        message = f"{blocks} blocks on {sms} SMs"
    if waves < MANY_WAVES and filled < WAVE_EFFICIENCY:
        yield _finding(
            row, "partial-wave", message, "another tile size, split K, or a persistent kernel uses the idle SMs",
            waves_per_sm=waves, filled=filled,
        )  # fmt: skip


def _low_occupancy(row: dict, occupancy: float) -> Iterator[Finding]:  # type: ignore[type-arg]
    matrix = is_matrix_kernel(row["kernel_name"], row["kernel_demangled_name"])
    tensor = any(row[f"{pipe}_flop_count"] for pipe in PIPES if pipe.startswith("tensor_"))
    if occupancy < LOW_OCCUPANCY and not matrix and not tensor:
        yield _finding(
            row, "low-occupancy", f"{format_percent(occupancy)} of the warps that an SM can hold were active",
            "fewer registers or less shared memory a block, or more blocks", achieved_occupancy=occupancy,
            theoretical_occupancy=row["theoretical_occupancy"], registers_per_thread=row["registers_per_thread"],
            shared_memory_per_block_bytes=row["shared_memory_per_block_bytes"],
        )  # fmt: skip
