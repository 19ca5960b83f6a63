"""AI and achieved rates against batch or sequence length, measured beside formula."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roofprof.document.scaling import ScalingRow, Series
from roofprof.formatting import format_si, printable
from roofprof.reports.plots.figures import heading, new_figure
from roofprof.reports.plots.style import SERIES, Theme, pipe_label, themed
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
_LINES = len(SERIES)
_WORDS = {"batch": "batch", "seq_len": "sequence length"}
Value = Callable[[OpResult], float | None]


@themed
def draw_scaling(reports: Sequence[RooflineReport], series: Series) -> "Figure":
    """Three panels over one variable: AI, achieved FLOP/s, achieved DRAM bytes/s, of the ops with most time.

    Args:
        reports: those that the cases of the series are from.
        series: of at least two points.
    """
    rows = series.rows_by_time
    shown = {row.name: _points(series, row) for row in rows[:_LINES]}
    figure = new_figure(15, 5.8)
    panels = [figure.add_axes((0.05 + 0.265 * i, 0.17, 0.215, 0.71)) for i in range(3)]
    _draw_lines(panels[0], shown, lambda op: op.arithmetic_intensity, "arithmetic intensity, FLOP per DRAM byte")
    _draw_formula(panels[0], shown)
    _draw_lines(panels[1], shown, lambda op: op.measured_on.achieved_flop_per_s, "achieved FLOP/s")
    _draw_lines(panels[2], shown, lambda op: op.measured_on.achieved_dram_bytes_per_s, "achieved DRAM bytes/s")
    for axes in panels:
        _finish(axes, series)
    _draw_roofs(panels, reports, series, shown)
    # An op without FLOPs has a line in the last panel alone.
    drawn = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(drawn.values()), list(drawn), loc="upper left", bbox_to_anchor=(0.83, 0.89), fontsize=8, frameon=False
    )
    rest = f"; {len(rows) - len(shown)} ops with less time are left out" if len(rows) > len(shown) else ""
    if series.superseded:
        rest += f"; {len(series.superseded)} cases were measured again: the last given counts"
    note = (
        f"filled, solid: counters; hollow, dashed: formula; ops in order of their largest share of a case's time{rest}"
    )
    heading(figure, f"Scaling with {_WORDS[series.axis]}: {series.title}", reports, note)
    return figure


def _points(series: Series, row: ScalingRow) -> list[tuple[int, OpResult]]:
    return [(value, op) for value, op in zip(series.values, row.points, strict=True) if op]


def _draw_lines(axes: "Axes", lines: dict[str, list[tuple[int, OpResult]]], value: Value, label: str) -> None:
    theme = Theme.chosen()
    for (name, points), color, marker in zip(lines.items(), SERIES, _MARKERS, strict=False):
        known = [(x, y) for x, op in points if (y := value(op))]
        if known:
            text = printable(name, 34).lstrip("_")  # matplotlib leaves labels out that begin so
            axes.plot(
                *zip(*known, strict=True),
                color=theme.line(color),
                marker=marker,
                markersize=5,
                linewidth=1.4,
                label=text,
            )
    axes.set_title(label, loc="left", fontsize=9)


def _draw_formula(axes: "Axes", lines: dict[str, list[tuple[int, OpResult]]]) -> None:
    theme = Theme.chosen()
    for points, color, marker in zip(lines.values(), SERIES, _MARKERS, strict=False):
        known = [(x, y) for x, op in points if op.formula and (y := op.formula.arithmetic_intensity)]
        if known:
            axes.plot(
                *zip(*known, strict=True), color=theme.line(color), marker=marker, markersize=5,
                markerfacecolor=theme.paper, linestyle="--", linewidth=0.9,
            )  # fmt: skip


def _finish(axes: "Axes", series: Series) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    theme = Theme.chosen()
    axes.set(xscale="log", yscale="log", xlabel=_WORDS[series.axis])
    axes.set_xticks(
        list(series.values), [str(value) for value in series.values], rotation=45 if len(series.values) > 7 else 0
    )
    axes.minorticks_off()
    # Rates often span less than a decade, which powers of ten alone would leave without a figure.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=30))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_si(value, digits=1)))
    axes.tick_params(labelsize=8)
    axes.grid(which="major", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_roofs(
    panels: Sequence["Axes"],
    reports: Sequence[RooflineReport],
    series: Series,
    lines: dict[str, list[tuple[int, OpResult]]],
) -> None:
    """Ridge points, peaks and bandwidth of the profiled GPU, for the pipes that these ops use."""
    gpu = next((report.gpu for report in reports if report.gpu.name == series.gpu), None)
    if gpu is None:
        return
    ops = [op for points in lines.values() for _, op in points]
    pipes = {max(op.flop_by_pipe, key=lambda p: op.flop_by_pipe[p] or 0) for op in ops if op.flop_count}
    for pipe in sorted(pipes):
        if (peak := gpu.peak_flop_per_s.get(pipe)) and pipe.startswith("tensor_"):
            _roof(panels[0], gpu.ridge_point(pipe), f"ridge point {pipe_label(pipe)}")
            _roof(panels[1], peak, f"{printable(gpu.name)} {pipe_label(pipe)}")
    _roof(panels[2], gpu.dram_bytes_per_s, f"{printable(gpu.name)} DRAM")


def _roof(axes: "Axes", value: float | None, label: str) -> None:
    theme = Theme.chosen()
    if value is None:
        return
    axes.axhline(value, color=theme.faint, linestyle=":", linewidth=1)
    axes.annotate(
        label, (0.01, value), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
        fontsize=6.5, color=theme.faint, parse_math=False,
    )  # fmt: skip
