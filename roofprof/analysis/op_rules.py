"""Why an op's measured numbers differ from its formula's: tile padding, re-reads, write-back left in L2, ...

The thresholds come from 153 rows of three real layer captures that were reconstructed by hand
(docs/findings.md); a finding explains, it never changes a number.
"""

from collections.abc import Callable, Iterator

from roofprof.analysis.op_facts import OpFacts
from roofprof.findings import Finding, Severity
from roofprof.formatting import format_number, format_si
from roofprof.launches.kernel_names import splits_k, tile_of

RATIO_TOLERANCE = 0.15
"""Ratios within 15 % of 1 need no explanation."""
CODE_BYTES_PER_KERNEL = 60e3
"""A cold kernel also reads its own code and constants: 2.6 to 52 KB were seen."""
CARRIED_OVER_BYTES = 3e6
"""A read stream pushes out up to 2.6 MB of lines that earlier work left dirty."""

SPILL_RATIO = 10.0
"""Small scattered stores count as whole sectors: up to 9 times the output were seen without a spill."""
SPILL_BYTES = 128e3


Rule = Callable[[OpFacts], Iterator[Finding]]


def explain(facts: OpFacts) -> list[Finding]:
    """All findings that formula beside measured gives for one op; none without a formula."""
    if facts.named.work is None:
        return []
    if facts.row.get("communicates"):  # its bytes are those too that other GPUs write into this one's memory
        return list(_conventions(facts))
    rules: tuple[Rule, ...] = (
        _tile_padding, _split_k, _intermediates, _extra_reads, _l2_resident, _write_back, _carried_over_writes,
        _spills, _conventions,
    )  # fmt: skip
    return [finding for rule in rules for finding in rule(facts)]


def _tile_padding(f: OpFacts) -> Iterator[Finding]:
    if not f.tensor_flop_count or not f.formula.pipe.startswith("tensor_") or not f.formula.flop_count:
        return
    ratio = f.tensor_flop_count / f.formula.flop_count
    if abs(ratio - 1) <= 0.01:
        return
    tile = next((t for name in f.kernel_names if (t := tile_of(name))), None)
    by = f": {tile} by the kernel's name" if tile else ""
    if ratio > 1:
        yield f.finding(
            "tile-padding", Severity.INFO,
            f"the tensor pipes execute {format_number(ratio)}x the useful FLOPs{by}",
            "whole tiles run and are counted; smaller tiles or a larger batch waste less" if ratio > 1.15 else None,
            ratio=ratio, executed_flop_count=f.tensor_flop_count, useful_flop_count=f.formula.flop_count,
            tile_m=tile.m if tile else None, tile_n=tile.n if tile else None,
        )  # fmt: skip
    else:
        yield f.finding(
            "work-below-formula", Severity.WARNING,
            f"the tensor pipes execute only {format_number(ratio)}x the FLOPs of the formula",
            "check the shape in the range name, the experts hit, and that no precision went uncounted",
            ratio=ratio,
        )  # fmt: skip


def _split_k(f: OpFacts) -> Iterator[Finding]:
    if splits_k(f.kernel_names):
        yield f.finding(
            "split-k", Severity.INFO,
            "K is split: fp32 partial sums are written and read back by a second kernel",
            "where ncu flushes between kernels the partials are billed as reads, hardly as writes",
            stored_bytes=f.l2_write_bytes,
        )  # fmt: skip


def _intermediates(f: OpFacts) -> Iterator[Finding]:
    if f.l2_write_bytes is None or len(f.kernel_names) < 2 or splits_k(f.kernel_names):
        return
    extra, own = f.l2_write_bytes - f.formula.dram_write_bytes, f.own_intermediate_bytes
    if extra > max(0.5 * f.formula.dram_write_bytes, 64e3):
        yield f.finding(
            "intermediates", Severity.INFO,
            f"{len(f.kernel_names)} kernels pass {format_si(extra, 'B')} between them through memory" + _came_back(f),
            "fusing them saves writing that much and reading it again",
            stored_bytes=f.l2_write_bytes, compulsory_write_bytes=f.formula.dram_write_bytes,
            own_intermediate_bytes=own,
        )  # fmt: skip


def _came_back(f: OpFacts) -> str:
    """How much of what an op's kernels passed on was read from DRAM, and what that says of a run without a profiler."""
    own = f.own_intermediate_bytes
    if not own:
        return ""
    if f.named.case.cache == "warm":
        return f"; {format_si(own, 'B')} of it had left L2 when it was read"
    flushed = ", for ncu flushes L2 between kernels" if f.named.case.cache == "cold" else ""
    return f"; {format_si(own, 'B')} of it is read back from DRAM{flushed}"


def _extra_reads(f: OpFacts) -> Iterator[Finding]:
    if f.dram_read_bytes is None:
        return
    extra = f.dram_read_bytes - f.formula.dram_read_bytes - (f.own_intermediate_bytes or 0.0)
    floor = CODE_BYTES_PER_KERNEL * len(f.kernel_names)
    if extra <= RATIO_TOLERANCE * f.formula.dram_read_bytes:
        return
    if extra <= floor:
        yield f.finding(
            "kernel-code", Severity.INFO,
            f"{format_si(extra, 'B')} beyond the inputs are read: code and constants, fetched after the flush",
            "a floor of a few to 50 KB per kernel; it says nothing about the data",
            extra_read_bytes=extra, kernel_count=len(f.kernel_names),
        )  # fmt: skip
        return
    if not f.formula.dram_read_bytes:
        message = f"{format_si(extra, 'B')} are read where the formula has none"
        yield f.finding("re-reads", Severity.INFO, message, None, extra_read_bytes=extra)
        return
    partials = splits_k(f.kernel_names) or len(f.kernel_names) > 1
    partials = partials and f.passed_on_bytes is None
    yield f.finding(
        "re-reads", Severity.INFO,
        f"reads are {format_number(1 + extra / f.formula.dram_read_bytes)}x the inputs"
        + (", intermediates among them" if partials else ": operands are read again by later waves of tiles"),
        None if partials else "try a larger tile, a rasterisation that keeps panels in L2, or fewer waves",
        extra_read_bytes=extra,
    )  # fmt: skip


def _l2_resident(f: OpFacts) -> Iterator[Finding]:
    if f.dram_read_bytes is None or not f.formula.dram_read_bytes:
        return
    ratio = f.dram_read_bytes / f.formula.dram_read_bytes
    if ratio < 1 - RATIO_TOLERANCE:
        yield f.finding(
            "l2-resident", Severity.DOUBTFUL if f.named.case.cache == "cold" else Severity.INFO,
            f"only {format_number(ratio)}x the inputs come from DRAM: the rest was in L2, or was never needed",
            "with --cache-control all this means that the formula asks for too much (experts hit, sequence length)",
            ratio=ratio,
        )  # fmt: skip


def _write_back(f: OpFacts) -> Iterator[Finding]:
    if f.dram_write_bytes is None or f.l2_write_bytes is None:
        return
    left = f.l2_write_bytes - f.dram_write_bytes
    if left > 0.1 * f.l2_write_bytes:
        yield f.finding(
            "write-back", Severity.INFO,
            f"{format_si(f.dram_write_bytes, 'B')} of {format_si(f.l2_write_bytes, 'B')} stored reached DRAM while the "
            "op ran; the rest was left in L2",
            "arithmetic_intensity_lower counts all of it",
            left_in_l2_bytes=left, stored_bytes=f.l2_write_bytes,
        )  # fmt: skip


def _carried_over_writes(f: OpFacts) -> Iterator[Finding]:
    if f.dram_write_bytes is None or f.l2_write_bytes is None:
        return
    extra = f.dram_write_bytes - f.l2_write_bytes
    if extra > 0.1 * f.l2_write_bytes and extra > 100e3:
        yield f.finding(
            "carried-over-writes", Severity.INFO if extra <= CARRIED_OVER_BYTES else Severity.DOUBTFUL,
            f"{format_si(extra, 'B')} more written to DRAM than the op stored: write-back of lines dirtied by earlier "
            "kernels",
            None, extra_write_bytes=extra,
        )  # fmt: skip


def _spills(f: OpFacts) -> Iterator[Finding]:
    """Local memory has no counter here: what one kernel stores far beyond its output is the sign of it."""
    if f.l2_write_bytes is None or len(f.kernel_names) != 1 or splits_k(f.kernel_names):
        return
    extra = f.l2_write_bytes - f.formula.dram_write_bytes
    if f.l2_write_bytes > SPILL_RATIO * f.formula.dram_write_bytes and extra > SPILL_BYTES:
        yield f.finding(
            "spills", Severity.INFO,
            f"one kernel stores {format_si(f.l2_write_bytes, 'B')} for an output of "
            f"{format_si(f.formula.dram_write_bytes, 'B')}: registers spilled to local memory, or partial results",
            "look at -Xptxas -v for spills, and at launch bounds", stored_bytes=f.l2_write_bytes,
            compulsory_write_bytes=f.formula.dram_write_bytes,
        )  # fmt: skip


def _conventions(f: OpFacts) -> Iterator[Finding]:
    if f.formula.pipe != "fp32" or f.cuda_core_flop_count is None:
        return
    if not f.formula.flop_count:
        if f.cuda_core_flop_count:
            yield f.finding(
            "flop-convention", Severity.INFO,
                f"{format_si(f.cuda_core_flop_count, 'FLOP')} are counted where the formula has none", None,
            )  # fmt: skip
        return
    ratio = f.cuda_core_flop_count / f.formula.flop_count
    if abs(ratio - 1) > RATIO_TOLERANCE:
        mufu = f"; {format_si(f.row['mufu_count'])} MUFU results stand apart" if f.mufu_count else ""
        yield f.finding(
            "flop-convention", Severity.INFO,
            f"counters see {format_number(ratio)}x the formula's FLOPs, which are a convention for such ops: compares, "
            f"conversions, exp and rcp are not FLOPs, shuffles' adds are{mufu}",
            "compare bytes and time for elementwise ops, not FLOPs", ratio=ratio,
        )  # fmt: skip
