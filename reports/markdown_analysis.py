"""Markdown: bottlenecks, scaling, optimisation opportunities."""

from collections.abc import Sequence

from roofprof.report_bottlenecks import Bottlenecks, BoundShare
from roofprof.report_cases import Case
from roofprof.report_opportunities import EFFICIENT, SHORT_NS, SHOWN, Opportunities
from roofprof.report_scaling import CONSTANT_WITHIN, FORMULA_BATCHES, ScalingRow, Series
from roofprof.report_sections import ReportSections
from roofprof.reports.markdown_names import code, joined, number, percent, prose, seconds, size, table, times
from roofprof.results import OpResult

_NAMED = 6
"""Ops named in a sentence; the table above has all."""

_PADDING_WORDS = {
    "memory": "memory-bound where it ran: bytes take longer than even the padded work",
    "compute": "compute-bound where it ran: the padding costs time",
    "latency": "latency-bound where it ran: neither roof holds it",
}


def bottleneck_sections(sections: ReportSections) -> list[str]:
    """Each case from its own numbers."""
    lines: list[str] = []
    for found in sections.bottlenecks:
        lines += _bottleneck(found)
    return lines or ["No op was measured.", ""]


def _bottleneck(found: Bottlenecks) -> list[str]:
    case = found.case
    here, target = code(case.source.gpu.name), code(case.source.target.name)
    lines = [f"### {prose(case.title)}", ""]
    if not found.here:
        return [*lines, "No op has both a time and a bound: nothing can be said of the bottleneck.", ""]
    whose = "nsys" if any(op.time_source == "nsys" for op in case.ops) else "ncu"
    ops = len(case.ops) - len(found.unplaced)
    lines += [f"{seconds(found.time_ns)} on {here}, the sum over {ops} ops ({whose}'s times).{_apart(case)}", ""]
    lines += table(["Bound", "Share of time", "Time", "Ops", "The longest"], [_share_row(s) for s in found.here])
    lines += [f"**Overall:** {_overall(found, here)}", ""]
    if case.source.projected and found.target:
        shares = ", ".join(f"{s.bound}-bound {percent(s.share)}" for s in found.target)
        least = f"By {target}'s roofs (projected) the same work takes at least {seconds(found.target_time_ns)}"
        lines += [f"{least}: {shares}.", ""]
    if found.unplaced:
        names = joined([code(op.label) for op in found.unplaced[:_NAMED]])
        lines += [f"In no share, for time or bound is unknown: {len(found.unplaced)} ops, among them {names}.", ""]
    return lines


def _apart(case: Case) -> str:
    words = ""
    if case.alternatives:
        words += (
            f" {case.alternatives} of the rows are further implementations of an op that has one already: the shares "
            "are of all that was measured, not of one layer."
        )
    for op in case.step_ops:
        words += f" {code(op.label)} runs once a step and stands apart: {seconds(op.time_ns)}."
    return words


def _share_row(share: BoundShare) -> list[str]:
    named = [f"{code(s.op.label)} {percent(s.share)}" for s in share.ops[:_NAMED]]
    more = len(share.ops) - len(named)
    return [share.bound, percent(share.share), seconds(share.time_ns), str(len(share.ops)),
            ", ".join(named) + (f" and {more} more" if more else "")]  # fmt: skip


def _overall(found: Bottlenecks, here: str) -> str:
    first = found.here[0]
    longest = first.ops[0]
    win = f" Running every op at its roof would save {seconds(found.time_to_win_ns)}."
    if found.time_to_win_ns is None:
        win = ""
    if found.dominant is None:
        shares = joined([f"{s.bound} {percent(s.share)}" for s in found.here])
        return f"no bound has more than half of the time on {here}: {shares}.{win}"
    own = joined([code(s.op.label) for s in first.ops[:3]])
    return (
        f"{first.bound}-bound on {here}: {percent(first.share)} of the time, longest in {own}; "
        f"{code(longest.op.label)} reaches {percent(longest.op.measured_on.roof_fraction)} "
        f"of its roof.{win}"
    )


def scaling(sections: ReportSections) -> list[str]:
    """Batch and length, measured where several cases are there."""
    lines = ["### With batch", ""]
    for series in sections.batch_series:
        lines += _series(series, "Batch")
    if sections.formula_points and sections.formula_case:
        lines += _formula_only(sections)
    elif not sections.batch_series:
        lines += ["No two cases differ in batch alone.", ""]
    lines += ["### With sequence length", ""]
    for series in sections.length_series:
        lines += _series(series, "Length")
    if not sections.length_series:
        lines += ["No two cases differ in length alone: `roofprof sweep` measures them.", ""]
    return lines


def _series(series: Series, axis: str) -> list[str]:
    fixed = f"{'length' if axis == 'Batch' else 'batch'} {series.fixed}"
    cache = f", {prose(series.cache)} cache" if series.cache else ""
    lines = [f"#### {series.phase.capitalize()}, {fixed}{cache}", ""]
    rows = []
    for value, point in zip(series.values, series.layers, strict=True):
        shares = ", ".join(f"{s.bound} {percent(s.share)}" for s in point.bottlenecks.here)
        rows.append([str(value), seconds(point.time_ns), seconds(point.time_per_token_ns),
                     number(point.arithmetic_intensity), shares or "—"])  # fmt: skip
    heads = [axis, "Layer's time", "Time a token", "AI of the sum", "Share of time by bound"]
    lines += table(heads, rows)
    heads = [f"AI, formula / measured, at {axis.lower()}", *map(str, series.values), "Growth, formula / measured"]
    lines += table(heads, [_growth_row(row) for row in series.rows])
    heads = [f"Time, of roof, at {axis.lower()}", *map(str, series.values)]
    lines += table(heads, [[code(row.name), *(_time_cell(p) for p in row.points)] for row in series.rows])
    return [*lines, *_growth_words(series, axis.lower())]


def _growth_row(row: ScalingRow) -> list[str]:
    cells = [
        f"{number(p.formula.arithmetic_intensity if p.formula else None)} / {number(p.arithmetic_intensity)}"
        if p else "—"
        for p in row.points
    ]  # fmt: skip
    return [code(row.name), *cells, f"{times(row.formula_growth)} / {times(row.growth)}"]


def _time_cell(op: OpResult | None) -> str:
    return "—" if op is None else f"{seconds(op.time_ns)}, {percent(op.measured_on.roof_fraction)}"


def _growth_words(series: Series, axis: str) -> list[str]:
    """Which AIs grow and which stay, as measured."""
    grows = [row for row in series.rows if row.growth and row.growth > 1 + CONSTANT_WITHIN]
    stays = [row for row in series.rows if row.growth and abs(row.growth - 1) <= CONSTANT_WITHIN]
    falls = [row for row in series.rows if row.growth and row.growth < 1 - CONSTANT_WITHIN]
    span = f"from {axis} {series.values[0]} to {series.values[-1]}"
    lines = []
    for rows, words in ((grows, "grows"), (stays, "stays within 15 %"), (falls, "falls")):
        if rows:
            named = [f"{code(row.name)} ({times(row.growth)})" for row in rows]
            lines.append(f"- Measured AI {words} {span}: {joined(named)}.")
    return [*lines, ""]


def _formula_only(sections: ReportSections) -> list[str]:
    assert sections.formula_case is not None
    case = sections.formula_case
    lines = [
        f"One decode batch was measured, {case.batch}; AI at the others is formula (experts hit as uniform routing",
        "expects). `roofprof sweep` measures them.",
        "",
    ]
    rows = []
    for point in sections.formula_points:
        works = [number(work.arithmetic_intensity if work else None) for work in point.by_batch]
        rows.append([code(point.op.label), *works, number(point.op.arithmetic_intensity)])
    heads = ["Op", *(f"Formula, batch {b}" for b in FORMULA_BATCHES), f"Measured, batch {case.batch}"]
    return [*lines, *table(heads, rows)]


def opportunity_sections(sections: ReportSections) -> list[str]:
    """What the findings and numbers of each case show."""
    lines: list[str] = []
    for found in sections.opportunities:
        lines += [f"### {prose(found.case.title)}", ""]
        own = [*_below_roof(found), *_padding(found), *_re_reads(found), *_occupancy(found), *_launch_bound(found),
               *_fusions(found)]  # fmt: skip
        lines += own or [_nothing(found.case), ""]
    return [*lines, *_mla(sections)] or ["No op was measured.", ""]


def _nothing(case: Case) -> str:
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
    here = code(found.case.source.gpu.name)
    rows = [
        [code(b.op.label), b.op.measured_on.bound or "—", percent(b.roof_fraction), seconds(b.op.time_ns),
         seconds(b.time_to_win_ns)]
        for b in found.below_roof
    ]  # fmt: skip
    lines = [f"**Below {percent(EFFICIENT)} of the attainable rate on {here}**, by the time to be won a call:", ""]
    lines += table(["Op", "Bound", "Of roof", "Time", "To be won"], _capped(rows))
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
        "**Occupancy**: latency-bound ops whose longest kernel fills less than one wave of the GPU, or",
        "achieves less than half of its theoretical occupancy.",
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
        f"**Launch-bound**: {len(found.launch_bound)} ops are latency-bound and shorter than {seconds(SHORT_NS)}, "
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
            number(target.ridge_point(pipe)), op.bound or "—", op.measured_on.bound or "—",
            percent(op.measured_on.roof_fraction),
        ])  # fmt: skip
    heads = ["Case", "By", "AI, formula", "AI, measured", "Ridge of the target", "Bound on the target",
             "Bound where it ran", "Of roof"]  # fmt: skip
    return ["### MLA decode's regime by batch", "", *table(heads, rows)]
