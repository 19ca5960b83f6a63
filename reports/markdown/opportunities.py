"""Markdown: optimisation opportunities, and MLA decode's regime by batch."""

from collections.abc import Sequence

from roofprof.document.cases import CaseOps
from roofprof.document.opportunities import EFFICIENT, SHOWN, Opportunities
from roofprof.document.sections import ReportSections
from roofprof.reports.markdown.text import code, joined, number, percent, prose, seconds, size, table, times, word
from roofprof.results.thresholds import LAUNCH_BOUND_NS, LOW_OCCUPANCY

_PADDING_WORDS = {
    "memory": "memory-bound on the profiled GPU: bytes take longer than even the padded work",
    "compute": "compute-bound on the profiled GPU: the padding costs time",
    "latency": "latency-bound on the profiled GPU: neither roof holds it",
}


def opportunity_sections(sections: ReportSections) -> list[str]:
    """What the findings and numbers of each case show."""
    lines: list[str] = []
    for found in sections.opportunities:
        lines += [f"### {prose(found.case.title)}", ""]
        own = [*_below_roof(found), *_padding(found), *_re_reads(found), *_occupancy(found), *_launch_bound(found),
               *_fusions(found)]  # fmt: skip
        lines += own or [_nothing(found.case), ""]
    return [*lines, *_mla(sections)] or ["No op was measured.", ""]


def _nothing(case: CaseOps) -> str:
    if not case.ops:
        return "No op of the layer was measured."
    if any(op.measured_on.roof_fraction is None for op in case.ops):
        return "Nothing shows, but not every op has a fraction of its roof: counters or times are missing."
    return f"Nothing stands out: every op reaches {percent(EFFICIENT)} of its roof."


def _capped(rows: Sequence[list[str]]) -> list[list[str]]:
    return list(rows[:SHOWN])


def _more(count: int) -> list[str]:
    return [f"and {count - SHOWN} more in report.json.", ""] if count > SHOWN else []


def _below_roof(found: Opportunities) -> list[str]:
    if not found.below_roof:
        return []
    here = code(found.case.gpu)
    rows = [
        [code(b.op.label), word(b.op.measured_on.bound), percent(b.roof_fraction), seconds(b.op.time_ns),
         seconds(b.headroom_ns)]
        for b in found.below_roof
    ]  # fmt: skip
    lines = [f"**Below {percent(EFFICIENT)} of the attainable rate on {here}**, by headroom per call:", ""]
    lines += table(["Op", "Bound", "Of roof", "Time", "Headroom"], _capped(rows))
    return [*lines, *_more(len(rows))]


def _padding(found: Opportunities) -> list[str]:
    if not found.padding:
        return []
    lines = ["**Tile padding**: the tensor pipes execute whole tiles.", ""]
    for p in found.padding[:SHOWN]:
        tile = f", tile {prose(p.tile)}" if p.tile else ""
        words = _PADDING_WORDS.get(p.op.measured_on.bound or "", "its bound is unknown")
        lines.append(f"- {code(p.op.label)} executes {times(p.ratio)} the useful FLOPs{tile}; {words}.")
    return [*lines, "", *_more(len(found.padding))]


def _re_reads(found: Opportunities) -> list[str]:
    if not found.re_reads:
        return []
    rows = [
        [code(r.op.label), size(r.op.dram_read_bytes), size(r.op.formula.dram_read_bytes if r.op.formula else None),
         size(r.extra_read_bytes), seconds(r.time_ns)]
        for r in found.re_reads
    ]  # fmt: skip
    lines = ["**Re-reads**: operands or intermediates that come from DRAM again.", ""]
    heads = ["Op", "Read", "Inputs, formula", "Beyond", "At full bandwidth"]
    return [*lines, *table(heads, _capped(rows)), *_more(len(rows))]


def _occupancy(found: Opportunities) -> list[str]:
    if not found.occupancy:
        return []
    rows = [
        [code(o.op.label), code(o.kernel, 40), number(o.waves_per_sm), percent(o.achieved), percent(o.theoretical),
         seconds(o.op.time_ns)]
        for o in found.occupancy
    ]  # fmt: skip
    lines = [
        "**Occupancy**: latency-bound ops whose longest kernel fills less than one wave of the GPU, or keeps fewer",
        f"than {percent(LOW_OCCUPANCY)} of the warps active that an SM can hold.",
        "",
    ]
    heads = ["Op", "Kernel", "Waves per SM", "Achieved", "Theoretical", "Time"]
    return [*lines, *table(heads, _capped(rows)), *_more(len(rows))]


def _launch_bound(found: Opportunities) -> list[str]:
    if not found.launch_bound:
        return []
    names = joined([code(op.label) for op in found.launch_bound[:SHOWN]])
    time, whole = found.launch_bound_ns, found.case.time_ns
    share = f", {percent(time / whole)} of the layer" if time is not None and whole else ""
    eager, graph = found.projected_ns
    spans = ""
    if eager is not None and graph is not None:
        spans = f" The ops' spans add up to {seconds(eager)} launched one by one, to {seconds(graph)} in a CUDA graph."
    return [
        f"**Launch-bound**: {len(found.launch_bound)} ops are latency-bound and take less than "
        f"{seconds(LAUNCH_BOUND_NS)} per kernel, "
        f"{seconds(time)} together{share}. Fusing them, or a CUDA graph, is what helps; the longest: {names}.{spans}",
        "",
    ]


def _fusions(found: Opportunities) -> list[str]:
    if not found.fusions:
        return []
    rows = [
        [f"{code(f.first.op)} → {code(f.second.op)}", size(f.saved_bytes), seconds(f.second_time_ns),
         f"the read alone: {code(f.kept)} needs the intermediate too" if f.kept else "written and read again"]
        for f in found.fusions
    ]  # fmt: skip
    lines = ["**Fusable neighbours**: bytes of the intermediate, by formula, that fusing saves.", ""]
    return [*lines, *table(["First → second", "Saved", "The second takes", "What is saved"], _capped(rows)),
            *_more(len(rows))]  # fmt: skip


def _mla(sections: ReportSections) -> list[str]:
    if not sections.mla:
        return []
    rows = []
    for case, op in sections.mla:
        pipe = op.formula.pipe if op.formula else ""
        target = case.source.target
        rows.append([
            prose(case.title), code(op.implementation or op.op),
            number(op.formula.arithmetic_intensity if op.formula else None), number(op.arithmetic_intensity),
            number(target.ridge_point(pipe)), word(op.bound), word(op.measured_on.bound),
            percent(op.measured_on.roof_fraction),
        ])  # fmt: skip
    heads = ["Case", "By", "AI, formula", "AI, measured", "Ridge of the target", "Bound on the target",
             "Bound on the profiled GPU", "Of roof"]  # fmt: skip
    return ["### MLA decode's regime by batch", "", *table(heads, rows)]
