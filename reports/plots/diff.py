"""A diff on one roofline: arrows from before to after, of the ops whose time changed most."""

from typing import TYPE_CHECKING

from roofprof.changes.diff import CaseDiff
from roofprof.changes.op_diff import OpDiff
from roofprof.formatting import escaped, printable
from roofprof.reports.plots.figures import new_figure
from roofprof.reports.plots.labels import place_labels
from roofprof.reports.plots.panel import Limits, below_words, draw_roofs, foot_note, paper, roof_sets
from roofprof.reports.plots.points import pipe_of
from roofprof.reports.plots.style import PIPE_STYLES, Theme, themed
from roofprof.reports.tables.diff import ShownDiff, case_head
from roofprof.results.op import OpResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 10
_WIDTH, _HEIGHT = 9.8, 5.6


@themed
def draw_diff(shown: ShownDiff) -> "Figure":
    """Draw a panel per case; nothing is shown or saved."""
    theme = Theme.chosen()
    cases = [case for case in shown.diff.cases if any(map(_drawable, case.ops))]
    height = max(1, len(cases)) * _HEIGHT + 0.4
    figure = new_figure(_WIDTH, height)
    for row, case in enumerate(cases):
        top, inner = 1 - (row * _HEIGHT + 0.5) / height, (_HEIGHT - 1.15) / height
        axes = figure.add_axes((0.75 / _WIDTH, top - inner, 1 - 2.95 / _WIDTH, inner))
        _draw_case(axes, shown, case)
    if not cases:
        figure.text(0.02, 0.5, "no op has FLOPs, bytes and time on both sides")
    words = f"hollow: {shown.names[0]}; filled: {shown.names[1]}; names: the {NAMED} ops whose time changed most"
    figure.text(0.01, 0.08 / height, escaped(words), fontsize=7, color=theme.faint, parse_math=False)
    return figure


def _place(op: OpResult | None) -> tuple[float, float] | None:
    rate = op.measured_on.achieved_flop_per_s if op else None
    return (op.arithmetic_intensity, rate) if op and op.arithmetic_intensity and rate else None


def _drawable(row: OpDiff) -> bool:
    return _place(row.a) is not None and _place(row.b) is not None


def _draw_case(axes: "Axes", shown: ShownDiff, case: CaseDiff) -> None:
    theme = Theme.chosen()
    rows = [row for row in case.ops if _drawable(row)][:NAMED]
    marks = [place for row in rows for side in (row.a, row.b) if (place := _place(side))]
    report = shown.diff.a
    roofs = roof_sets(report.gpu, report.ceilings)
    used = {pipe_of(row.b) for row in rows if row.b}
    pipes = [pipe for pipe in PIPE_STYLES if pipe in used and any(pipe in roof.peaks for roof in roofs)]
    Limits.of([x for x, _ in marks], [y for _, y in marks], roofs, pipes).apply(axes)
    paper(axes)
    label = draw_roofs(axes, roofs, pipes, [x for x, _ in marks])
    bottom = axes.get_ylim()[0]
    labels, below = [], []
    for row in rows:
        old, new = _place(row.a), _place(row.b)
        assert row.b
        assert old
        assert new
        color, mark = theme.pipe(pipe_of(row.b)), PIPE_STYLES[pipe_of(row.b)].marker
        axes.annotate("", new, xytext=old, arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.0}, zorder=3)
        axes.scatter([old[0]], [old[1]], s=34, marker=mark, facecolors=theme.paper, edgecolors=color, zorder=4)
        axes.scatter(
            [new[0]], [new[1]], s=40, marker=mark, color=color, edgecolors=theme.paper, linewidths=0.5, zorder=5
        )
        if new[1] < bottom:  # its label would stand in the next panel
            below.append(row.op)
        else:
            labels.append((new[0], new[1], printable(row.op, 24), theme.ink))
    place_labels(axes, labels, [*((x, y, 6.5) for x, y in marks), *label])
    if below:
        foot_note(axes, below_words(below, len(below)), right=True)
    axes.set_title(escaped(case_head(case)), loc="left", fontsize=9.5, parse_math=False)
