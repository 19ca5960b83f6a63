"""Why an op's measured numbers differ from its formula's: tile padding, re-reads, write-back left in L2, ...

The thresholds come from 153 rows of three real layer captures that were reconstructed by hand
(docs/findings.md); a finding explains, it never changes a number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roofprof.findings import Finding, Severity
from roofprof.formatting import format_number, format_si
from roofprof.formulas.models import Work
from roofprof.launches.kernel_names import splits_k, tile_of

RATIO_TOLERANCE = 0.15
"""Ratios within 15 % of 1 need no explanation."""
CODE_BYTES_PER_KERNEL = 60e3
"""A cold kernel also reads its own code and constants: 2.6 to 52 KB were seen."""
FOREIGN_WRITE_BYTES = 3e6
"""A read stream pushes out up to 2.6 MB of lines that earlier work left dirty."""

SPILL_RATIO = 10.0
"""Small scattered stores count as whole sectors: up to 9 times the output were seen without a spill."""
SPILL_BYTES = 128e3


@dataclass(frozen=True, slots=True)
class OpNumbers:
    """What the rules look at: one call of one op."""

    op: str
    report: str
    kernel_names: list[str]
    """Demangled."""
    formula: Work
    shape_precision: str | None
    tensor_flop_count: float | None
    cuda_core_flop_count: float | None
    mufu_count: float | None
    dram_read_bytes: float | None
    dram_write_bytes: float | None
    l2_write_bytes: float | None
    cache: str | None


Rule = Callable[[OpNumbers], Iterator[Finding]]


def explain(numbers: OpNumbers) -> list[Finding]:
    """All findings that formula beside measured gives for one op."""
    rules: tuple[Rule, ...] = (
        _tile_padding, _split_k, _intermediates, _extra_reads, _l2_resident, _write_back, _foreign_writes,
        _spills, _conventions,
    )  # fmt: skip
    return [finding for rule in rules for finding in rule(numbers)]


def _finding(n: OpNumbers, kind: str, severity: Severity, message: str, hint: str | None, **values: object) -> Finding:
    return Finding(kind, severity, message, hint, op=n.op, report=n.report, values=values)


def _tile_padding(n: OpNumbers) -> Iterator[Finding]:
    if not n.tensor_flop_count or not n.formula.pipe.startswith("tensor_") or not n.formula.flop_count:
        return
    ratio = n.tensor_flop_count / n.formula.flop_count
    if abs(ratio - 1) <= 0.01:
        return
    tile = next((t for name in n.kernel_names if (t := tile_of(name))), None)
    by = f": {tile} by the kernel's name" if tile else ""
    if ratio > 1:
        yield _finding(
            n, "tile-padding", Severity.INFO,
            f"the tensor pipes execute {format_number(ratio)}x the useful FLOPs{by}",
            "whole tiles run and are counted; smaller tiles or a larger batch waste less" if ratio > 1.15 else None,
            ratio=ratio, executed_flop_count=n.tensor_flop_count, useful_flop_count=n.formula.flop_count,
            tile_m=tile.m if tile else None, tile_n=tile.n if tile else None,
        )  # fmt: skip
    else:
        yield _finding(
            n, "work-below-formula", Severity.WARNING,
            f"the tensor pipes execute only {format_number(ratio)}x the FLOPs of the formula",
            "check the shape in the range name, the experts hit, and that no precision went uncounted",
            ratio=ratio,
        )  # fmt: skip


def _split_k(n: OpNumbers) -> Iterator[Finding]:
    if splits_k(n.kernel_names):
        yield _finding(
            n, "split-k", Severity.INFO,
            "K is split: fp32 partial sums are written and read back by a second kernel",
            "where ncu flushes between kernels the partials are billed as reads, hardly as writes",
            stored_bytes=n.l2_write_bytes,
        )  # fmt: skip


def _intermediates(n: OpNumbers) -> Iterator[Finding]:
    if n.l2_write_bytes is None or len(n.kernel_names) < 2 or splits_k(n.kernel_names):
        return
    extra = n.l2_write_bytes - n.formula.dram_write_bytes
    if extra > max(0.5 * n.formula.dram_write_bytes, 64e3):
        yield _finding(
            n, "intermediates", Severity.INFO,
            f"{len(n.kernel_names)} kernels pass {format_si(extra, 'B')} between them through memory",
            "fusing them saves that much written, and again read",
            stored_bytes=n.l2_write_bytes, compulsory_write_bytes=n.formula.dram_write_bytes,
        )  # fmt: skip


def _extra_reads(n: OpNumbers) -> Iterator[Finding]:
    if n.dram_read_bytes is None:
        return
    extra = n.dram_read_bytes - n.formula.dram_read_bytes
    floor = CODE_BYTES_PER_KERNEL * len(n.kernel_names)
    if extra <= RATIO_TOLERANCE * n.formula.dram_read_bytes:
        return
    if extra <= floor:
        yield _finding(
            n, "kernel-code", Severity.INFO,
            f"{format_si(extra, 'B')} beyond the inputs are read: code and constants, fetched after the flush",
            "a floor of a few to 50 KB a kernel; it says nothing about the data",
            extra_read_bytes=extra, kernel_count=len(n.kernel_names),
        )  # fmt: skip
        return
    partials = splits_k(n.kernel_names) or len(n.kernel_names) > 1
    yield _finding(
        n, "re-reads", Severity.INFO,
        f"reads are {format_number(n.dram_read_bytes / n.formula.dram_read_bytes)}x the inputs"
        + (", intermediates among them" if partials else ": operands are read again by later waves of tiles"),
        None if partials else "a larger tile, a rasterisation that keeps panels in L2, or fewer waves reads less",
        extra_read_bytes=extra,
    ) if n.formula.dram_read_bytes else _finding(
        n, "re-reads", Severity.INFO, f"{format_si(extra, 'B')} are read where the formula has none", None,
        extra_read_bytes=extra,
    )  # fmt: skip


def _l2_resident(n: OpNumbers) -> Iterator[Finding]:
    if n.dram_read_bytes is None or not n.formula.dram_read_bytes:
        return
    ratio = n.dram_read_bytes / n.formula.dram_read_bytes
    if ratio < 1 - RATIO_TOLERANCE:
        yield _finding(
            n, "l2-resident", Severity.DOUBTFUL if n.cache == "cold" else Severity.INFO,
            f"only {format_number(ratio)}x the inputs come from DRAM: the rest was in L2, or was never needed",
            "with --cache-control all this means that the formula asks for too much (experts hit, sequence length)",
            ratio=ratio,
        )  # fmt: skip


def _write_back(n: OpNumbers) -> Iterator[Finding]:
    if n.dram_write_bytes is None or n.l2_write_bytes is None:
        return
    left = n.l2_write_bytes - n.dram_write_bytes
    if left > 0.1 * n.l2_write_bytes:
        yield _finding(
            n, "write-back", Severity.INFO,
            f"{format_si(n.dram_write_bytes, 'B')} of {format_si(n.l2_write_bytes, 'B')} stored reached DRAM while the "
            "op ran; the rest was left in L2",
            "arithmetic_intensity_lower counts all of it",
            left_in_l2_bytes=left, stored_bytes=n.l2_write_bytes,
        )  # fmt: skip


def _foreign_writes(n: OpNumbers) -> Iterator[Finding]:
    if n.dram_write_bytes is None or n.l2_write_bytes is None:
        return
    extra = n.dram_write_bytes - n.l2_write_bytes
    if extra > 0.1 * n.l2_write_bytes and extra > 100e3:
        yield _finding(
            n, "foreign-writes", Severity.INFO if extra <= FOREIGN_WRITE_BYTES else Severity.DOUBTFUL,
            f"{format_si(extra, 'B')} more are written to DRAM than the op stored: lines left dirty before it",
            None, extra_write_bytes=extra,
        )  # fmt: skip


def _spills(n: OpNumbers) -> Iterator[Finding]:
    """Local memory is not counted by itself: what one kernel stores far beyond its output is the sign of it."""
    if n.l2_write_bytes is None or len(n.kernel_names) != 1 or splits_k(n.kernel_names):
        return
    extra = n.l2_write_bytes - n.formula.dram_write_bytes
    if n.l2_write_bytes > SPILL_RATIO * n.formula.dram_write_bytes and extra > SPILL_BYTES:
        yield _finding(
            n, "spills", Severity.INFO,
            f"one kernel stores {format_si(n.l2_write_bytes, 'B')} for an output of "
            f"{format_si(n.formula.dram_write_bytes, 'B')}: registers spilled to local memory, or partial results",
            "look at -Xptxas -v for spills, and at launch bounds", stored_bytes=n.l2_write_bytes,
            compulsory_write_bytes=n.formula.dram_write_bytes,
        )  # fmt: skip


def _conventions(n: OpNumbers) -> Iterator[Finding]:
    if n.formula.pipe != "fp32" or n.cuda_core_flop_count is None:
        return
    if not n.formula.flop_count:
        if n.cuda_core_flop_count:
            yield _finding(
                n, "flop-convention", Severity.INFO,
                f"{format_si(n.cuda_core_flop_count, 'FLOP')} are counted where the formula has none", None,
            )  # fmt: skip
        return
    ratio = n.cuda_core_flop_count / n.formula.flop_count
    if abs(ratio - 1) > RATIO_TOLERANCE:
        mufu = f"; {format_si(n.mufu_count)} MUFU results stand apart" if n.mufu_count else ""
        yield _finding(
            n, "flop-convention", Severity.INFO,
            f"counters see {format_number(ratio)}x the formula's FLOPs, which are a convention for such ops: compares, "
            f"conversions, exp and rcp are none, shuffles' adds are{mufu}",
            "compare bytes and time for elementwise ops, not FLOPs", ratio=ratio,
        )  # fmt: skip
