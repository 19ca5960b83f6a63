"""Markdown: bottlenecks, and scaling with batch and length."""

from roofprof.document.bottlenecks import Bottlenecks, BoundShare
from roofprof.document.cases import CaseOps
from roofprof.document.formula_points import FORMULA_BATCHES
from roofprof.document.scaling import CONSTANT_WITHIN, LayerPoint, ScalingRow, Series
from roofprof.document.sections import ReportSections
from roofprof.reports.markdown.text import (
    code,
    joined,
    known,
    number,
    percent,
    prose,
    remeasured_lines,
    seconds,
    table,
    times,
    word,
)  # fmt: skip
from roofprof.results.op import OpResult

_NAMED = 6
"""Ops named in a sentence; the table above has all."""


def bottleneck_sections(sections: ReportSections) -> list[str]:
    """Each case from its own numbers."""
    lines: list[str] = []
    for found in sections.bottlenecks:
        lines += _bottleneck(found)
    return lines or ["No op was measured.", ""]


def _bottleneck(found: Bottlenecks) -> list[str]:
    case = found.case
    here, target = code(case.gpu), code(case.source.target.name)
    lines = [f"### {prose(case.title)}", ""]
    if not found.here:
        apart = _apart(case).strip()
        return [*lines, "No op of the layer has both a time and a bound: the bottleneck is unknown.", apart, ""]
    whose = "nsys" if any(op.time_source == "nsys" for op in case.ops) else "ncu"
    ops = len(case.layer) - len(found.unplaced)
    lines += [f"{seconds(found.time_ns)} on {here}, the sum over {ops} ops ({whose}'s times).{_apart(case)}", ""]
    lines += table(["Bound", "Share of time", "Time", "Ops", "The longest"], [_share_row(s) for s in found.here])
    lines += [f"**Overall:** {_overall(found, here)}", ""]
    if case.source.projected and found.target:
        shares = ", ".join(f"{prose(s.bound)}-bound {percent(s.share)}" for s in found.target)
        minimum = f"By {target}'s roofs (extrapolated) the same work takes at least {seconds(found.target_time_ns)}"
        lines += [f"{minimum}: {shares}.", ""]
    if found.unplaced:
        names = joined([code(op.label) for op in found.unplaced[:_NAMED]])
        lines += [f"In no share, for time or bound is unknown: {len(found.unplaced)} ops, among them {names}.", ""]
    return lines


def _apart(case: CaseOps) -> str:
    words = ""
    if case.alternatives:
        words += (
            f" {len(case.alternatives)} further implementations of an op that has one already stand apart: "
            "the shares are of one layer."
        )
    for op in case.step_ops:
        words += f" {code(op.label)} runs once per step and stands apart: {seconds(op.time_ns)}."
    return words


def _share_row(share: BoundShare) -> list[str]:
    named = [f"{code(s.op.label)} {percent(s.share)}" for s in share.ops[:_NAMED]]
    more = len(share.ops) - len(named)
    return [word(share.bound), percent(share.share), seconds(share.time_ns), str(len(share.ops)),
            ", ".join(named) + (f" and {more} more" if more else "")]  # fmt: skip


def _overall(found: Bottlenecks, here: str) -> str:
    first = found.here[0]
    longest = first.ops[0]
    headroom = f" Running every op at its roof would save {seconds(found.headroom_ns)}."
    if found.headroom_ns is None:
        headroom = ""
    if found.dominant is None:
        shares = joined([f"{prose(s.bound)} {percent(s.share)}" for s in found.here])
        return f"no bound has more than half of the time on {here}: {shares}.{headroom}"
    own = joined([code(s.op.label) for s in first.ops[:3]])
    return (
        f"{prose(first.bound)}-bound on {here}: {percent(first.share)} of the time, longest in {own}; "
        f"{code(longest.op.label)} reaches {percent(longest.op.measured_on.roof_fraction)} "
        f"of its roof.{headroom}"
    )


def scaling(sections: ReportSections) -> list[str]:
    """Batch and length, measured where several cases are there."""
    lines = [*remeasured_lines(sections.superseded), "### With batch", ""]
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
    fixed = f", {'length' if axis == 'Batch' else 'batch'} {series.fixed}" if series.fixed else ""
    cache = f", {prose(series.cache)} cache" if series.cache else ""
    lines = [f"#### {prose(series.phase.capitalize())}{fixed}{cache}", ""]
    rows = [[str(value), *_layer_cells(point)] for value, point in zip(series.values, series.layers, strict=True)]
    heads = [axis, "Layer's time", "Time per token", "AI of the sum", "Share of time by bound"]
    lines += table(heads, rows)
    heads = [f"AI, formula / measured, at {axis.lower()}", *map(str, series.values), "Growth, formula / measured"]
    lines += table(heads, [_growth_row(row) for row in series.rows])
    heads = [f"Time, of roof, at {axis.lower()}", *map(str, series.values)]
    lines += table(heads, [[code(row.name), *(_time_cell(p) for p in row.points)] for row in series.rows])
    return [*lines, *_growth_words(series, axis.lower())]


def _layer_cells(point: LayerPoint) -> list[str]:
    shares = ", ".join(f"{prose(s.bound)} {percent(s.share)}" for s in point.bottlenecks.here)
    return [
        known(point.time_ns, seconds),
        seconds(point.time_per_token_ns),
        known(point.intensity, number),
        shares or "—",
    ]


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
    if padded := [row for row in series.rows if row.padded]:
        ratios = [" to ".join(times(ratio) for ratio in row.work_ratios or ()) for row in padded]
        named = [
            f"{code(row.name)} ({times(row.useful_growth)}, work ratio {ratio})"
            for row, ratio in zip(padded, ratios, strict=True)
        ]
        lines.append(f"- Of these, useful FLOPs per counted byte do change, for tiles are padded: {joined(named)}.")
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
