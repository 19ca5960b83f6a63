"""The comparison as a picture: formula against measured intensity, and where the time goes beyond the formula's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roofprof.document.comparison import Comparison, Gap
from roofprof.formatting import format_number, printable
from roofprof.reports.plots.figures import new_figure
from roofprof.reports.plots.labels import place_labels
from roofprof.reports.plots.style import LineStyle, Theme, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 14
"""Bars: the ops with the most time beyond the formula's."""
NAMED = 10
"""Of the points, those that carry a name: the ones whose intensities lie farthest apart."""
CUT = 4.0
"""A bar this many times as long as the next shorter one is cut, and its time written beside it."""
# Okabe and Ito's colours, and a hatch for print.
_PARTS = (
    ("the formula's least time", "#0072B2", ""),
    ("more for the counted work and bytes", "#E69F00", "//"),
    ("more for running below the roof", "#999999", ""),
)
_CASES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("#8A6D00", "P"))

Row = tuple[Gap, int]
"""A gap, and the number of its comparison."""


@themed
def draw_comparison(comparisons: Sequence[Comparison]) -> "Figure":
    """Draw both panels; nothing is shown or saved."""
    rows = [(gap, i) for i, found in enumerate(comparisons) for gap in found.gaps]
    figure = new_figure(15, 8.0)
    scatter, bars = figure.add_axes((0.055, 0.085, 0.4, 0.8)), figure.add_axes((0.655, 0.085, 0.33, 0.8))
    _draw_scatter(scatter, sorted((r for r in rows if r[0].distance >= 0), key=lambda r: -r[0].distance), comparisons)
    timed = [row for row in rows if row[0].time_ns is not None and row[0].formula_time_ns is not None]
    _draw_bars(bars, sorted(timed, key=_excess, reverse=True)[:SHOWN], comparisons)
    gpus = ", ".join(dict.fromkeys(found.case.gpu_words for found in comparisons))
    dates = ", ".join(dict.fromkeys(found.case.source.date for found in comparisons))
    title = f"Formula against measurement on {gpus}, {dates}"
    figure.text(0.01, 0.965, printable(title, 160), fontsize=12, va="top", parse_math=False)
    return figure


def _excess(row: Row) -> float:
    return (row[0].time_ns or 0.0) - (row[0].formula_time_ns or 0.0)


def _draw_scatter(axes: "Axes", rows: Sequence[Row], comparisons: Sequence[Comparison]) -> None:
    theme = Theme.chosen()
    axes.set(xscale="log", yscale="log", xlabel="AI by formula, FLOP/byte", ylabel="AI measured, FLOP per DRAM byte")
    values = [v for gap, _ in rows for v in (gap.formula_intensity, gap.intensity) if v] or [1.0]
    low, high = min(values) / 2, max(values) * 2
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.plot([low, high], [low, high], color=theme.ink, linewidth=1, zorder=1)
    for factor in (2, 10):
        for scale in (factor, 1 / factor):
            axes.plot(
                [low, high],
                [low * scale, high * scale],
                color=theme.faint,
                linewidth=0.7,
                linestyle=":",
                zorder=1,
            )
    axes.grid(which="major", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    labels = []
    for number, (gap, case) in enumerate(rows, 1):
        color, marker = _CASES[case % len(_CASES)]
        x, y = gap.formula_intensity or low, gap.intensity or low
        first = number <= NAMED
        style: LineStyle = {
            "markersize": 6.0 if first else 4.0, "alpha": 1.0 if first else 0.55, "markeredgecolor": theme.paper,
            "markeredgewidth": 0.5, "linestyle": "", "zorder": 3,
        }  # fmt: skip
        axes.plot([x], [y], marker=marker, color=color, **style)
        if first:
            labels.append((x, y, _name(gap, case, comparisons, 24), theme.ink))
    place_labels(axes, labels, [(g.formula_intensity or low, g.intensity or low, 6.0) for g, _ in rows])
    for i, found in enumerate(comparisons[: len(_CASES)]):
        color, marker = _CASES[i]
        axes.plot([], [], marker=marker, color=color, linestyle="", label=_legend(found))
    if comparisons:
        axes.legend(loc="upper left", fontsize=8, frameon=True)
    axes.set_title("on the line: as the formula says; dotted: 2x and 10x off", loc="left", fontsize=9)


def _legend(found: Comparison) -> str:
    # Never an underscore first, for matplotlib leaves such labels out; and a dollar sign starts no formula here.
    return f"{_case_word(found)}: {printable(found.case.title, 60)}".replace("$", r"\$")


def _draw_bars(axes: "Axes", rows: Sequence[Row], comparisons: Sequence[Comparison]) -> None:
    """One bar per op, in µs: what the formula asks for, what the counted work adds, what is lost below the roof."""
    theme = Theme.chosen()
    limit = _limit([(gap.time_ns or 0.0) / 1e3 for gap, _ in rows])
    cut = 0
    for place, (gap, case) in enumerate(rows):
        name = _name(gap, case, comparisons, 38)
        axes.text(-0.02, place, name, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8,
                  parse_math=False)  # fmt: skip
        left = 0.0
        for part, (_, color, hatch) in zip(_parts(gap), _PARTS, strict=True):
            width = max(0.0, min(part, limit - left))
            axes.barh(
                place,
                width,
                left=left,
                height=0.6,
                color=color,
                hatch=hatch,
                edgecolor=theme.paper,
                linewidth=0.4,
            )
            left += width
        whole = (gap.time_ns or 0.0) / 1e3
        cut += whole > limit
        ratio = f", {format_number(gap.time_gap)}x" if gap.time_gap is not None else ""
        words = f"{'→ ' if whole > limit else ''}{format_number(whole)} µs{ratio}"
        axes.text(left + limit * 0.01, place, words, fontsize=7.5, va="center")
    axes.set(xlim=(0, limit * 1.25 or 1), ylim=(max(len(rows), 1) - 0.4, -0.6), xlabel="µs")
    axes.set_yticks([])
    axes.grid(which="major", axis="x", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    for word, color, hatch in _PARTS:
        axes.bar([1], [0], color=color, hatch=hatch, edgecolor=theme.paper, label=word)
    axes.legend(loc="lower right", fontsize=8)
    words = f"; {cut} bars are cut" if cut else ""
    axes.set_title(f"the most time beyond the formula's, times over it{words}", loc="left", fontsize=9)


def _parts(gap: Gap) -> tuple[float, float, float]:
    """µs of the three parts; work below the formula's makes the first shorter, so that they add up to the time."""
    formula, time = (gap.formula_time_ns or 0.0) / 1e3, (gap.time_ns or 0.0) / 1e3
    counted = time / gap.time_factor if gap.time_factor else formula
    counted = min(counted, time)
    first = min(formula, counted)
    return first, counted - first, time - counted


def _limit(times: Sequence[float]) -> float:
    """Where bars are cut: a little beyond the longest that is not far longer than the next one."""
    ordered = sorted(times)
    longest = ordered[0] if ordered else 1.0
    for time in ordered:
        if time > CUT * longest:
            break
        longest = time
    return longest * 1.05


def _name(gap: Gap, case: int, comparisons: Sequence[Comparison], width: int) -> str:
    word = f" {_case_word(comparisons[case])}" if len(comparisons) > 1 else ""
    return printable(gap.op, width - len(word)) + word


def _case_word(found: Comparison) -> str:
    return f"{(found.case.phase or '?')[0]}{found.case.batch or ''}"
