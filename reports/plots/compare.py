"""The comparison as a picture: formula against measured intensity, and the gap in time as a waterfall."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roofprof.document.comparison import Comparison, Gap
from roofprof.formatting import format_number, printable
from roofprof.reports.plots.labels import place_labels
from roofprof.reports.plots.style import LineStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 16
"""Worst ops by name; the others are small points."""
# Okabe and Ito's colours, and a hatch for print.
_STEPS = (
    ("work_factor", "work", "#0072B2", ""),
    ("byte_factor", "bytes", "#E69F00", "//"),
    ("roof_factor", "roof change", "#009E73", "xx"),
    ("time_factor", "time", "#999999", ""),
)
_CASES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("#8A6D00", "P"))
_LANE = 0.2


def draw_comparison(comparisons: Sequence[Comparison]) -> "Figure":
    """Draw both panels; nothing is shown or saved."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = sorted(
        ((gap, i) for i, found in enumerate(comparisons) for gap in found.gaps if gap.distance >= 0),
        key=lambda row: -row[0].distance,
    )
    figure = Figure(figsize=(15, 8.4), dpi=120)
    FigureCanvasAgg(figure)
    scatter, waterfall = figure.add_axes((0.055, 0.1, 0.4, 0.8)), figure.add_axes((0.655, 0.1, 0.33, 0.8))
    _draw_scatter(scatter, rows, comparisons)
    _draw_waterfall(waterfall, rows[:SHOWN], comparisons)
    gpus = ", ".join(dict.fromkeys(found.case.source.gpu.name for found in comparisons))
    dates = ", ".join(dict.fromkeys(found.case.source.date for found in comparisons))
    title = f"Formula against measurement on {gpus}, {dates}"
    figure.text(0.01, 0.965, printable(title, 160), fontsize=12, va="top", parse_math=False)
    return figure


def _draw_scatter(axes: "Axes", rows: Sequence[tuple[Gap, int]], comparisons: Sequence[Comparison]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="AI by formula, FLOP/byte", ylabel="AI measured, FLOP per DRAM byte")
    values = [v for gap, _ in rows for v in (gap.formula_intensity, gap.intensity) if v] or [1.0]
    low, high = min(values) / 2, max(values) * 2
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.plot([low, high], [low, high], color="#333333", linewidth=1, zorder=1)
    for factor in (2, 10):
        for scale in (factor, 1 / factor):
            axes.plot([low, high], [low * scale, high * scale], color="#bbbbbb", linewidth=0.7, linestyle=":", zorder=1)
    axes.grid(which="major", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    labels = []
    for number, (gap, case) in enumerate(rows, 1):
        color, marker = _CASES[case % len(_CASES)]
        x, y = gap.formula_intensity or low, gap.intensity or low
        first = number <= SHOWN
        style: LineStyle = {
            "markersize": 6.0 if first else 4.0, "alpha": 1.0 if first else 0.55, "markeredgecolor": "white",
            "markeredgewidth": 0.5, "linestyle": "", "zorder": 3,
        }  # fmt: skip
        axes.plot([x], [y], marker=marker, color=color, **style)
        if first:
            labels.append((x, y, str(number), "#222222"))
    place_labels(axes, labels, [(g.formula_intensity or low, g.intensity or low, 6.0) for g, _ in rows])
    for i, found in enumerate(comparisons[: len(_CASES)]):
        color, marker = _CASES[i]
        axes.plot([], [], marker=marker, color=color, linestyle="", label=_legend(found))
    if comparisons:
        axes.legend(loc="upper left", fontsize=8, frameon=True)
    axes.set_title("on the line: as the formula says; dotted: 2x and 10x off", loc="left", fontsize=9)


def _legend(found: Comparison) -> str:
    # A label that begins with an underscore would be left out, and a dollar sign does not start a formula here.
    return "\u200a" + printable(found.case.title, 60).replace("$", r"\$")


def _draw_waterfall(axes: "Axes", rows: Sequence[tuple[Gap, int]], comparisons: Sequence[Comparison]) -> None:
    axes.set(xscale="log", xlabel="time over the formula's minimum time: work x bytes x roof change x time")
    several = len(comparisons) > 1
    ends = [1.0]
    for place, (gap, case) in enumerate(rows):
        name = f"{gap.label} {_case_word(comparisons[case])}" if several else gap.label
        axes.text(
            -0.02, place, f"{printable(name, 38)}  {place + 1}", transform=axes.get_yaxis_transform(), ha="right",
            va="center", fontsize=8, parse_math=False,
        )  # fmt: skip
        ends += _draw_steps(axes, gap, place)
    axes.axvline(1, color="#333333", linewidth=1, zorder=1)
    span = max(ends) / min(ends)
    axes.set(xlim=(min(ends) / span**0.03 / 1.05, max(ends) * span**0.13 * 1.2), ylim=(max(len(rows), 1) - 0.4, -0.6))
    axes.set_yticks([])
    axes.grid(which="major", axis="x", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for _, word, color, hatch in _STEPS:
        axes.bar([1], [0], color=color, hatch=hatch, edgecolor="white", label=word)
    axes.legend(loc="lower right", fontsize=8, ncols=2)
    axes.set_title("the worst by intensity: where their time goes beyond the formula's", loc="left", fontsize=9)


def _draw_steps(axes: "Axes", gap: Gap, place: int) -> list[float]:
    """Four lanes from 1 to the measured time; a step of factor 1 has no width."""
    if gap.time_gap is None:
        axes.text(1.05, place, "a time, a counter or a peak is unknown", fontsize=7, color="#777777", va="center")
        return []
    at, ends = 1.0, []
    for lane, (name, _, color, hatch) in enumerate(_STEPS):
        factor = getattr(gap, name)
        low, high = sorted((at, at * factor))
        y = place + (lane - 1.5) * _LANE
        axes.barh(y, high - low, left=low, height=_LANE, color=color, hatch=hatch, edgecolor="white", linewidth=0.3)
        after = at * factor
        if lane < len(_STEPS) - 1:
            axes.plot([after, after], [y - _LANE / 2, y + 1.5 * _LANE], color="#555555", linewidth=0.6)
        at = after
        ends.append(at)
    axes.text(max(ends) * 1.08, place, f"{format_number(gap.time_gap)}x", fontsize=8, va="center")
    return ends


def _case_word(found: Comparison) -> str:
    return f"{(found.case.phase or '?')[0]}{found.case.batch or ''}"
