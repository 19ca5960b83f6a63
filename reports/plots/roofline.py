"""The roofline picture: roofs per precision, one numbered marker per op, its formula point joined to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from roofprof.formatting import escaped, printable
from roofprof.hardware.ceilings import Ceilings
from roofprof.reports.plots.figures import new_figure
from roofprof.reports.plots.key import KEY_ROWS, draw_key, numbered
from roofprof.reports.plots.labels import Obstacle, place_labels
from roofprof.reports.plots.style import PIPE_STYLES, LineStyle, pipe_label
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = {pipe: style.pair for pipe, style in PIPE_STYLES.items()}
_ALWAYS_DRAWN = ("tensor_fp4", "tensor_fp8", "tensor_bf16", "fp32")
_HEIGHT = 8.6
_FILLED, _HOLLOW = "filled: counters", "hollow: formula (useful FLOPs in the same time)"
_LEVELS = "filled: AI against DRAM bytes; |: against L2 bytes; x: against L1 fill bytes"
_BAR = "bar: AI if all stores reached DRAM"
_KEY_WIDTH = 3.1
INTERVAL_FROM = 1.10
"""An op whose AI lies this factor over its lower bound is drawn with the interval between them."""


@dataclass(frozen=True, slots=True)
class Point:
    """An op with FLOPs, bytes and time."""

    number: int
    op: OpResult
    intensity: float
    rate: float
    pipe: str


def drawable(ops: Sequence[OpResult]) -> tuple[list[Point], list[OpResult]]:
    """Ops that have a place on log axes, numbered in order, and those that have none."""
    points, others = [], []
    for number, op in enumerate(ops, 1):
        rate = op.measured_on.achieved_flop_per_s
        if op.arithmetic_intensity and rate:
            pipe = max(op.flop_by_pipe, key=lambda p: op.flop_by_pipe[p] or 0)
            points.append(Point(number, op, op.arithmetic_intensity, rate, pipe))
        else:
            others.append(op)
    return points, others


def draw_roofline(report: RooflineReport, levels: bool = False, subject: str | None = None) -> "Figure":
    """Draw the roofline of a report; nothing is shown or saved.

    Args:
        levels: the AI against L2 and L1 fill bytes too, joined to that against DRAM bytes.
        subject: what part of the report this is, for the title.
    """
    points, _ = drawable(report.ops)
    named = numbered(report.ops)
    columns = -(-len(named) // KEY_ROWS)
    width = 10 + _KEY_WIDTH * min(columns, 3)
    figure = new_figure(width, _HEIGHT)
    axes = figure.add_axes((0.75 / width, 0.12, 9.1 / width, 0.82))
    _draw_axes(axes, report, points, levels)
    for point in points:
        (_draw_levels if levels else _draw_formula)(axes, point)
        _draw_marker(axes, point)
    colors = {p.number: _STYLE[p.pipe][0] for p in points}
    draw_key(figure, report.ops, named, colors, (10.05 / width, min(columns, 3)))
    _draw_words(figure, axes, report, levels, subject)
    _draw_unknown(axes, report, points)
    labels = [(p.intensity, p.rate, str(p.number), _STYLE[p.pipe][0]) for p in points if p.number in named]
    place_labels(axes, labels, _obstacles(points, levels))
    return figure


def _draw_axes(axes: "Axes", report: RooflineReport, points: list[Point], levels: bool) -> None:
    used = {p.pipe for p in points}
    pipes = [p for p in _STYLE if (p in used or p in _ALWAYS_DRAWN) and report.target.peak_flop_per_s.get(p)]
    ridges = [r for pipe in pipes if (r := report.target.ridge_point(pipe))]
    intensities = [
        i for p in points for i in (p.intensity, p.op.arithmetic_intensity_lower, _formula_intensity(p)) if i
    ]
    intensities += [i for p in points for _, i, _ in _levels(p) if levels]
    low = min([*intensities, 0.2]) / 1.5
    high = max([*intensities, *ridges, 10]) * 3
    peak = max(report.target.peak_flop_per_s.values(), default=max((p.rate for p in points), default=1e12))
    bottom = min([*(p.rate for p in points), *(u for p in points if (u := _useful_rate(p))), peak / 1e3]) / 2
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, peak * 1.7))
    _draw_roofs(axes, report, pipes, high, solid=True)
    if report.projected:
        _draw_roofs(axes, report, [p for p in pipes if report.gpu.peak_flop_per_s.get(p)], high, solid=False)
    if report.ceilings:
        _draw_measured(axes, report.ceilings, pipes, high)
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("arithmetic intensity, FLOP per DRAM byte")
    axes.set_ylabel("FLOP/s")


def _draw_roofs(axes: "Axes", report: RooflineReport, pipes: list[str], high: float, solid: bool) -> None:
    """Solid: the target's roofs, labelled. Dashed: those of the profiled GPU."""
    spec = report.target if solid else report.gpu
    low = axes.get_xlim()[0]
    ridges = {pipe: spec.ridge_point(pipe) if spec.dram_bytes_per_s else None for pipe in pipes}
    style: LineStyle = {
        "linestyle": "-" if solid else "--",
        "linewidth": 1.4 if solid else 0.9,
        "alpha": 1.0 if solid else 0.6,
        "zorder": 1,
    }
    if bandwidth := spec.dram_bytes_per_s:
        top = max((ridge or 0 for ridge in ridges.values()), default=0) or high
        axes.plot([low, top], [low * bandwidth, top * bandwidth], color="#333333", **style)
    for pipe in pipes:
        peak, ridge, color = spec.peak_flop_per_s[pipe], ridges[pipe], _STYLE[pipe][0]
        axes.plot([ridge or low, high], [peak, peak], color=color, **style)
        if solid:
            axes.text(
                high * 0.94,
                peak * 1.04,
                f"{pipe_label(pipe)} {peak / 1e12:g} TFLOP/s",
                color=color,
                fontsize=7.5,
                ha="right",
                va="bottom",
            )


def _draw_unknown(axes: "Axes", report: RooflineReport, points: list[Point]) -> None:
    """In words, which roofs are not drawn, and why there is no marker."""
    spec, lines = report.target, []
    known = [pipe for pipe in _STYLE if spec.peak_flop_per_s.get(pipe)]
    without = sorted({p.pipe for p in points} - set(known))
    if not known:
        also = "" if spec.dram_bytes_per_s else " and its bandwidth"
        lines.append(f"compute peaks of {spec.name}{also} are unknown: those roofs are not drawn")
    elif without:
        lines.append(f"{spec.name} has no known peak for {', '.join(map(pipe_label, without))}")
    if known and not spec.dram_bytes_per_s:
        lines.append(f"the DRAM bandwidth of {spec.name} is unknown: its roof is not drawn")
    if not points:
        lines.append("no row has FLOPs, DRAM bytes and time: no marker has a place")
    for index, line in enumerate(lines):
        axes.text(
            0.012, 0.975 - 0.03 * index, printable(line, 110), transform=axes.transAxes, fontsize=8.5,
            color="#555555", va="top", parse_math=False, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        )  # fmt: skip


def _draw_measured(axes: "Axes", ceilings: Ceilings, pipes: list[str], high: float) -> None:
    """Dotted: what the profiled GPU was seen to reach; DRAM by its best access mix."""
    bandwidth = max(ceilings.dram_bytes_per_s.values(), default=None)
    if not bandwidth:
        return
    low = axes.get_xlim()[0]
    style: LineStyle = {"linestyle": ":", "linewidth": 1.2, "zorder": 1}
    known = [(pipe, ceilings.peak_flop_per_s[pipe].burst) for pipe in pipes if pipe in ceilings.peak_flop_per_s]
    top = max((peak / bandwidth for _, peak in known), default=high)
    axes.plot([low, top], [low * bandwidth, top * bandwidth], color="#333333", **style)
    for pipe, peak in known:
        axes.plot([peak / bandwidth, high], [peak, peak], color=_STYLE[pipe][0], **style)


def _draw_formula(axes: "Axes", point: Point) -> None:
    """The hollow point by formula, joined to the measured one, and the interval of the AI."""
    color = _STYLE[point.pipe][0]
    x, y, lower = point.intensity, point.rate, point.op.arithmetic_intensity_lower
    intensity, useful = _formula_intensity(point), _useful_rate(point)
    if intensity and useful:
        axes.plot([intensity, x], [useful, y], color=color, linewidth=0.7, alpha=0.6, zorder=2)
        hollow: LineStyle = {
            "markersize": 5,
            "markerfacecolor": "white",
            "markeredgecolor": color,
            "linestyle": "",
            "zorder": 3,
        }
        axes.plot([intensity], [useful], marker="o", **hollow)
    if lower and x / lower > INTERVAL_FROM:
        bar: LineStyle = {"linewidth": 2.4, "alpha": 0.35, "solid_capstyle": "butt", "zorder": 2}
        axes.plot([lower, x], [y, y], color=color, **bar)


def _draw_marker(axes: "Axes", point: Point) -> None:
    color, marker = _STYLE[point.pipe]
    edge: LineStyle = {
        "markersize": _marker_size(point.op),
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linestyle": "",
        "zorder": 4,
    }
    axes.plot([point.intensity], [point.rate], marker=marker, color=color, **edge)


def _levels(point: Point) -> list[tuple[str, float, str]]:
    """Name, AI and marker of the levels that were counted."""
    found = (("L2", point.op.arithmetic_intensity_l2, "|"), ("L1 fill", point.op.arithmetic_intensity_l1_fill, "x"))
    return [(name, intensity, marker) for name, intensity, marker in found if intensity]


def _draw_levels(axes: "Axes", point: Point) -> None:
    color = _STYLE[point.pipe][0]
    reach = [point.intensity, *(intensity for _, intensity, _ in _levels(point))]
    axes.plot([min(reach), max(reach)], [point.rate, point.rate], color=color, linewidth=0.8, linestyle=":", zorder=2)
    for _, intensity, marker in _levels(point):
        axes.plot([intensity], [point.rate], marker=marker, color=color, markersize=8, linestyle="", zorder=3)


def _marker_size(op: OpResult) -> float:
    """Diameter in points: the area grows with the share of the layer's time, where that is known."""
    return 6.5 if op.share is None else 4.0 + 26.0 * op.share**0.5


def _useful_rate(point: Point) -> float | None:
    """The formula's FLOPs in the measured time."""
    formula, time_ns = point.op.formula, point.op.time_ns
    return formula.flop_count / time_ns * 1e9 if formula and formula.flop_count and time_ns else None


def _formula_intensity(point: Point) -> float | None:
    return point.op.formula.arithmetic_intensity if point.op.formula else None


def _obstacles(points: list[Point], levels: bool) -> list[Obstacle]:
    if levels:
        small = [(i, p.rate, 8.0) for p in points for _, i, _ in _levels(p)]
    else:
        small = [(i, u, 5.0) for p in points if (i := _formula_intensity(p)) and (u := _useful_rate(p))]
    return [(p.intensity, p.rate, _marker_size(p.op)) for p in points] + small


def _marks(ops: Sequence[OpResult]) -> str:
    hollow = [_HOLLOW] if any(op.formula for op in ops) else []
    return "; ".join([_FILLED, *hollow, _BAR])


def _draw_words(figure: "Figure", axes: "Axes", report: RooflineReport, levels: bool, subject: str | None) -> None:
    title = f"Roofline of {report.target.name}" + (f", {subject}" if subject else "")
    title += f", measured on {report.gpu.name}" if report.projected else ""
    axes.set_title(escaped(f"{title}, {report.date}"), loc="left", fontsize=11, parse_math=False)
    lines = [
        (
            "filled: AI against DRAM bytes; |: against L2 bytes; x: against L1 fill bytes"
            if levels
            else _marks(report.ops)
        )
        + ("; area: share of the layer's time" if any(op.share for op in report.ops) else "")
        + ("; dashed: roofs of the profiled GPU" if report.projected else "")
        + ("; dotted: roofs measured on the profiled GPU" if report.ceilings else ""),
        *report.notes[:2],
    ]
    rows = [row for line in lines for row in wrap(printable(line, 380), 190)[:2]]
    for index, row in enumerate(rows):
        figure.text(
            0.01,
            0.05 - 0.0125 * index,
            row,
            fontsize=6.8,
            color="#555555",
            va="bottom",
            parse_math=False,
        )
