"""Markdown: scaling with batch and length, measured where several cases are there."""

from collections.abc import Callable

from roofprof.document.formula_points import FORMULA_BATCHES
from roofprof.document.scaling import CONSTANT_WITHIN, LayerPoint, ScalingRow, Series
from roofprof.reports.markdown.text import (
    bullets,
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
)  # fmt: skip
from roofprof.reports.markdown.view import View
from roofprof.results.op import OpResult

_NAMED = 6
"""Ops named in a line."""
_SHOWN = 6
"""Ops of a series, those with the largest share of a layer's time: the appendix has the others."""


def scaling(view: View) -> list[str]:
    """Batch, then length."""
    sections = view.sections
    lines = [*remeasured_lines(sections.superseded), "### Batch Scaling (Decode)", ""]
    for series in sections.batch_series:
        lines += _series(view, series, "Batch")
    if sections.formula_points and sections.formula_case:
        lines += _formula_only(view)
    elif not sections.batch_series:
        lines += ["No two cases differ in batch alone: `roofprof sweep` measures them.", ""]
    lines += ["### Sequence Scaling (Prefill)", ""]
    for series in sections.length_series:
        lines += _series(view, series, "Length")
    if not sections.length_series:
        lines += ["No two cases differ in length alone: `roofprof sweep` measures them.", ""]
    return lines


def _series(view: View, series: Series, axis: str) -> list[str]:
    fixed = f", {'length' if axis == 'Batch' else 'batch'} {series.fixed}" if series.fixed else ""
    cache = f", {prose(series.cache)} cache" if series.cache else ""
    lines = [f"**{prose(series.phase.capitalize())}{fixed}{cache}, on {code(series.gpu)}**", ""]
    rows = [[str(value), *_layer_cells(point)] for value, point in zip(series.values, series.layers, strict=True)]
    lines += table([axis, "One layer", "Per token", "AI of the sum"], rows)
    large = [row for row in series.rows_by_time if _large(view, series, row)][:_SHOWN]
    heads = [f"AI by formula → measured, at {axis.lower()}", *map(str, series.values), "Growth"]
    lines += table(heads, [_growth_row(row) for row in large]) if large else []
    return [*lines, *_growth_words(series, large, axis.lower())]


def _large(view: View, series: Series, row: ScalingRow) -> bool:
    return any(
        op is not None and view.rows[id(op)].counted and not view.small(layer.case, op)
        for op, layer in zip(row.points, series.layers, strict=True)
    )


def _layer_cells(point: LayerPoint) -> list[str]:
    return [known(point.time_ns, seconds), seconds(point.time_per_token_ns), known(point.intensity, number)]


def _growth_row(row: ScalingRow) -> list[str]:
    return [code(row.name), *map(_cell, row.points), f"{times(row.formula_growth)} → {times(row.growth)}"]


def _cell(op: OpResult | None) -> str:
    if op is None:
        return "—"
    ours = number(op.formula.arithmetic_intensity) if op.formula else "—"
    return f"{ours} → {number(op.arithmetic_intensity)}, {seconds(op.time_ns)}, {percent(op.of_roof)}"


def _growth_words(series: Series, large: list[ScalingRow], axis: str) -> list[str]:
    """Which AIs grow and which stay, as measured, of the ops that the table shows."""
    span = f"from {axis} {series.values[0]} to {series.values[-1]}"
    kinds: tuple[tuple[str, Callable[[float], bool]], ...] = (
        ("grows", lambda growth: growth > 1 + CONSTANT_WITHIN),
        (f"stays within {percent(CONSTANT_WITHIN)}", lambda growth: abs(growth - 1) <= CONSTANT_WITHIN),
        ("falls", lambda growth: growth < 1 - CONSTANT_WITHIN),
    )
    lines = []
    for words, holds in kinds:
        rows = [row for row in large if row.growth and holds(row.growth)]
        if rows:
            named = [f"{code(row.name)} ({times(row.growth)})" for row in rows]
            lines.append(f"Measured AI {words} {span}: {_some(named)}.")
    if padded := [row for row in large if row.padded]:
        named = [
            f"{code(row.name)} ({times(row.useful_growth)}, work ratio "
            f"{' to '.join(times(ratio) for ratio in row.work_ratios or ())})"
            for row in padded
        ]
        lines.append(f"Useful FLOPs per counted byte do grow, for tiles are padded: {_some(named)}.")
    return bullets(lines)


def _some(named: list[str]) -> str:
    more = len(named) - _NAMED
    return joined(named) if more <= 0 else f"{', '.join(named[:_NAMED])} and {more} more"


def _formula_only(view: View) -> list[str]:
    sections = view.sections
    case = sections.formula_case
    assert case is not None
    lines = [
        f"One decode batch was measured, {case.batch}; AI at the others is formula (experts hit as uniform routing",
        "expects). `roofprof sweep` measures them.",
        "",
    ]
    points = [p for p in sections.formula_points if view.rows[id(p.op)].counted and not view.small(case, p.op)]
    rows = []
    for point in points or sections.formula_points:
        works = [number(work.arithmetic_intensity if work else None) for work in point.by_batch]
        rows.append([view.op(point.op), *works, number(point.op.arithmetic_intensity)])
    heads = ["Op", *(f"Formula, batch {b}" for b in FORMULA_BATCHES), f"Measured, batch {case.batch}"]
    return [*lines, *table(heads, rows)]
