"""The link between GPUs as a level of its own: FLOPs per byte sent, and the rate of each collective beside its roof."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roofprof.document.cases import CaseOps, cases_of, counted, sum_of
from roofprof.formatting import format_si, printable, told_apart
from roofprof.reports.plots.figures import heading, new_figure
from roofprof.reports.plots.style import BOUND_STYLES, Theme, pipe_label, themed
from roofprof.results.op import OpResult, case_words, short_labels
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME, _CASE = 24, 34
_COLOR = BOUND_STYLES["communication"][0]
_NOTE = (
    "rate: NVLink user bytes sent by the median rank / time without the wait; FLOP per byte sent: of a case, all its "
    "counted FLOPs over all bytes sent, in the slowest rank's time"
)


def has_links(report: RooflineReport) -> bool:
    """Whether there is anything to draw: a collective whose bytes were counted, and a link whose rate is known."""
    return bool(_collectives(report)) and report.gpu.nvlink_bytes_per_s is not None


@themed
def draw_links(report: RooflineReport) -> "Figure":
    """Bars of GB/s under the link's roof; beside them each case by FLOPs per byte sent."""
    ops = _collectives(report)
    height = max(3.2, 1.7 + 0.42 * len(ops))
    figure = new_figure(11, height)
    bars, roof = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_bars(bars, ops, report)
    _draw_roof(roof, report)
    figure.subplots_adjust(left=0.15, right=0.97, top=1 - 0.75 / height, bottom=0.85 / height, wspace=0.28)
    heading(figure, "Links between GPUs", [report], _NOTE)
    return figure


def _collectives(report: RooflineReport) -> list[OpResult]:
    return [op for op in report.ops if op.link_tx_bytes is not None]


def _draw_bars(axes: "Axes", ops: Sequence[OpResult], report: RooflineReport) -> None:
    theme = Theme.chosen()
    limit = report.gpu.nvlink_bytes_per_s or 0.0
    for row, op in enumerate(ops):
        rate = op.link_bytes_per_s
        axes.barh(row, (rate or 0.0) / 1e9, height=0.6, color=_COLOR)
        text = "rate unknown" if rate is None else f"{rate / 1e9:.0f} GB/s, {100 * rate / limit:.0f} %"
        wait = f"; waits {format_si(op.wait_ns / 1e9, 's')}" if op.straggler_rank is not None and op.wait_ns else ""
        late = f" for rank {op.straggler_rank}" if wait else ""
        box = {"boxstyle": "round,pad=0.1", "facecolor": theme.paper, "edgecolor": "none", "alpha": 0.8}
        axes.text(0.01 * limit / 1e9, row, text + wait + late, va="center", fontsize=7.5, bbox=box, parse_math=False)
    axes.axvline(limit / 1e9, color=theme.ink, linewidth=1.2)
    axes.text(limit / 1e9, -0.62, f"link {limit / 1e9:.0f} GB/s ", ha="right", va="bottom", fontsize=8)
    axes.set_yticks(range(len(ops)), told_apart(short_labels(ops), _NAME), fontsize=8, parse_math=False)
    axes.set(xlim=(0, 1.05 * limit / 1e9), ylim=(len(ops) - 0.4, -0.65), xlabel="GB/s sent by each GPU")
    axes.spines[["right", "top"]].set_visible(False)


def _draw_roof(axes: "Axes", report: RooflineReport) -> None:
    """FLOP/s over FLOPs per byte sent, under the link's slope and the peak of the busiest pipe."""
    theme = Theme.chosen()
    link = report.gpu.nvlink_bytes_per_s or 1.0
    pipes = {pipe: sum(op.flop_by_pipe.get(pipe) or 0.0 for op in report.ops) for pipe in report.gpu.peak_flop_per_s}
    pipe = max(pipes, key=lambda name: pipes[name])
    peak = report.gpu.peak_flop_per_s[pipe]
    ridge = peak / link
    points = [point for case in cases_of([report]) if (point := _case_point(case))]
    xs = [ridge, *(x for x, _, _ in points)]
    low, high = min(xs) / 30, max(xs) * 30
    axes.plot([low, ridge, high], [low * link, peak, peak], color=theme.ink, linewidth=1.2)
    for x, y, name in points:
        axes.plot(x, y, marker="o", color=_COLOR, markersize=7)
        axes.annotate(printable(name, _CASE), (x, y), xytext=(-6, -10), textcoords="offset points", fontsize=7.5,
                      ha="right", parse_math=False)  # fmt: skip
    bottom = min(low * link, *(y for _, y, _ in points)) / 4 if points else low * link
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, 2 * peak))
    axes.set(xlabel="FLOP per byte sent", ylabel="FLOP/s")
    axes.text(high, peak, f"{pipe_label(pipe)} {format_si(peak, 'FLOP/s')} ", ha="right", va="bottom", fontsize=8)
    axes.spines[["right", "top"]].set_visible(False)


def _case_point(case: CaseOps) -> tuple[float, float, str] | None:
    """FLOPs per byte sent and FLOP/s of a case; None where it sends nothing, or its time is unknown."""
    time_ns = case.time_ns
    sent = sum_of(counted(op, op.link_tx_bytes) for op in case.layer).known
    flops = sum_of(counted(op, op.flop_count) for op in case.layer).known
    name = case_words(case.phase, case.batch, case.seq_len, None) or case.title
    return (flops / sent, flops / time_ns * 1e9, name) if sent and flops and time_ns else None
