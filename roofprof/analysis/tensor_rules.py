"""Doubts about tensor FLOPs: work that nothing counted, counters that read 0 where they must not."""

from collections.abc import Iterator

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.hardware.chip import chips
from roofprof.hardware.opcodes import WARP_OPCODES
from roofprof.launches.kernel_names import is_matrix_kernel
from roofprof.launches.measured_work import CallRow
from roofprof.launches.tensor_activity import MIN_ACTIVE_CYCLES, TENSOR_COLUMNS, by_opcodes, unexplained_tensor_cycles

SLOWEST_SHARE_OF_PEAK = 0.5
"""Of the dense wgmma rate per active cycle: mma.sync reaches 0.67 of it, unaligned operands 0.5."""
LITTLE_ACTIVITY = 0.1
"""Share of a kernel's cycles that constant loads alone keep the tensor pipe active: up to a few percent were seen."""
MANY_PRECISIONS = 2
"""Of more than so many the one histogram of opcodes is the shorter way."""
_COLUMNS = (
    "report", "launch_id", "op", "kernel_name", "kernel_demangled_name", "sm_clock_hz", "chip", "uncounted_opcodes",
    "tensor_pipe_active_cycles", "sm_cycles_elapsed", "half_instruction_count", "tensor_pipe_half_warp_count",
    *TENSOR_COLUMNS,
)  # fmt: skip
"""What the rules read: a row of all columns costs several times as much."""
_PEAKS = tuple(f"peak_{column.removesuffix('_flop_count')}_flop_per_s" for column in TENSOR_COLUMNS)


def tensor_findings(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about launches with `with_measured_work`'s columns and `op` (null where unattributed)."""
    work = pl.sum_horizontal(TENSOR_COLUMNS)
    counted = pl.any_horizontal(pl.col(c).is_not_null() for c in TENSOR_COLUMNS)
    zero = (work == 0) & counted & ~by_opcodes() & pl.col("uncounted_opcodes").is_null()
    kernels = launches.filter(
        (pl.col("workload_type") == "kernel") & (counted | pl.col("tensor_work_unknown"))
    ).with_columns(
        unexplained_tensor_cycles().alias("beyond"),
        zero.alias("zero"),
        by_opcodes().alias("by_opcodes"),
    )  # fmt: skip
    unknown = pl.col("tensor_work_unknown")
    chosen = kernels.select(*_COLUMNS, *_PEAKS, "tensor_work_unknown", "beyond", "zero", "by_opcodes")
    for row in chosen.filter(unknown & ~pl.col("zero")).iter_rows(named=True):
        yield _uncounted(row)
    for row in chosen.filter("zero").iter_rows(named=True):
        yield from _zero(row)
    some = (work > 0) & pl.col("uncounted_opcodes").is_null() & ~pl.col("by_opcodes")
    for row in chosen.filter(some).iter_rows(named=True):
        yield from _uncounted_precision(row)


def _finding(row: CallRow, kind: str, severity: Severity, message: str, hint: str | None, **values: object) -> Finding:
    return Finding(
        kind, severity, f"{row['kernel_name'][:60]}: {message}", hint, op=row["op"], launch_id=row["launch_id"],
        report=row["report"], values={"kernel_name": row["kernel_name"], **values},
    )  # fmt: skip


def _uncounted(row: CallRow) -> Finding:
    """Tensor work that neither a counter nor an opcode gives the FLOPs of."""
    opcodes, uncollected, beyond = row["uncounted_opcodes"], uncollected_precisions(row), row["beyond"]
    severity = Severity.WARNING
    if opcodes:
        message = f"its FLOPs are unknown: {opcodes} ran, whose names do not tell the work"
        hint = _counters_hint(row, uncollected) or "no column holds work of this precision"
    else:
        moves = row["half_instruction_count"] is None and row["tensor_pipe_half_warp_count"] is None
        by = "by tensor work or by HFMA2.MMA, and nothing tells which" if moves else "and nothing counted what it did"
        message = f"its FLOPs are unknown: the tensor pipe was active {beyond:.0f} cycles, {by}"
        hint = _hint(row, uncollected)
        little = beyond < LITTLE_ACTIVITY * (row["sm_cycles_elapsed"] or 0.0)
        if moves and little and not is_matrix_kernel(row["kernel_name"], row["kernel_demangled_name"]):
            severity = Severity.INFO
    return _finding(
        row, "tensor-uncounted", severity, message, hint, uncounted_opcodes=opcodes, unexplained_cycles=beyond,
        uncollected=uncollected,
    )  # fmt: skip


def _zero(row: CallRow) -> Iterator[Finding]:
    """All tensor counters 0 although the pipe was active, or although the kernel is named as a GEMM or attention."""
    beyond, uncollected = row["beyond"], uncollected_precisions(row)
    active = bool(row["tensor_work_unknown"])
    if not active and not is_matrix_kernel(row["kernel_name"], row["kernel_demangled_name"]):
        return
    what = f"the tensor pipe was active {beyond:.0f} cycles" if active else "the kernel is named as a GEMM or attention"
    idle = not active and beyond is not None
    yield _finding(
        row, "tensor-counter-zero", Severity.INFO if idle else Severity.WARNING,
        f"all tensor counters collected are 0, yet {what}"
        + ("; its tensor pipe was idle, so it had nothing to do or ran on CUDA cores" if idle else ""),
        None if idle else f"this 0 is not reliable: {_hint(row, uncollected)}",
        tensor_pipe_active_cycles=row["tensor_pipe_active_cycles"], unexplained_cycles=beyond, uncollected=uncollected,
    )  # fmt: skip


def _uncounted_precision(row: CallRow) -> Iterator[Finding]:
    """The tensor pipe active well beyond what the counted precisions and half instructions explain."""
    beyond, explained, uncollected = row["beyond"], _cycles_of_counted(row), uncollected_precisions(row)
    if beyond is None or explained is None or not uncollected:
        return
    left = beyond - explained / SLOWEST_SHARE_OF_PEAK
    if left > max(MIN_ACTIVE_CYCLES, 0.1 * beyond):
        yield _finding(
            row, "uncounted-precision", Severity.WARNING,
            f"the tensor pipe was active {left:.0f} cycles more than the counted FLOPs can take",
            _hint(row, uncollected), unexplained_cycles=left, explained_cycles=explained, uncollected=uncollected,
        )  # fmt: skip


def _cycles_of_counted(row: CallRow) -> float | None:
    """Active cycles of an SM that the counted FLOPs take at the dense rate; None where a rate is unknown."""
    total = 0.0
    for column, peak in zip(TENSOR_COLUMNS, (row[name] for name in _PEAKS), strict=True):
        if not row[column]:
            continue
        if not peak or not row["sm_clock_hz"]:
            return None
        total += row[column] / (peak / row["sm_clock_hz"])
    return total


def uncollected_precisions(row: CallRow) -> list[str]:
    """Tensor precisions that the chip counts and the launch does not hold; of an unknown chip, all it lacks."""
    chip = chips().get(row["chip"] or "")
    pipes = [f"tensor_{precision}" for precision in chip.precisions] if chip else None
    absent = [c.removesuffix("_flop_count") for c in TENSOR_COLUMNS if row[c] is None]
    return [pipe for pipe in absent if pipes is None or pipe in pipes]


def _hint(row: CallRow, uncollected: list[str]) -> str:
    """What would tell on this chip: opcodes, or, where they carry no shape or few are missing, the counters."""
    chip = chips().get(row["chip"] or "")
    shapeless = chip is not None and any("pipe_tc_" in metric for metric in chip.tensor_pipe_active)  # tcgen05
    if shapeless or len(uncollected) <= MANY_PRECISIONS:
        return _counters_hint(row, uncollected) or _OPCODES_HINT
    return _OPCODES_HINT


_OPCODES_HINT = f"its opcodes would tell: ncu --metrics {WARP_OPCODES}"


def _counters_hint(row: CallRow, uncollected: list[str]) -> str | None:
    if row["chip"] not in chips() or not uncollected:
        return None
    return f"collect them: roofprof capture --groups {','.join(pipe.removeprefix('tensor_') for pipe in uncollected)}"
