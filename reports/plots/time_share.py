"""The time share bar: where a case's time goes, op by op, coloured by what holds each op back."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from roofprof.document.cases import CaseOps, cases_of, times_in_case
from roofprof.formatting import format_si, printable
from roofprof.formulas.layer import STEP_OPS
from roofprof.reports.plots.figures import heading, new_figure
from roofprof.reports.plots.style import BOUND_STYLES, Theme, themed
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALL = 0.012
"""Ops below this share are drawn together, by bound."""
_NAMED = 0.035
"""Segments below this share have no room for a name."""
_TITLE_WIDTH = 100


@themed
def draw_time_shares(reports: Sequence[RooflineReport]) -> "Figure":
    """One bar per case; the times of its layer's ops sum to 100 %."""
    timed = [case for case in cases_of(reports) if any(op.time_ns for op in case.layer)]
    height = max(2.4, 1.15 + 0.95 * len(timed))
    figure = new_figure(12, height)
    axes = figure.add_axes((0.02, 0.62 / height, 0.95, 1 - 1.25 / height))
    for row, case in enumerate(timed):
        _draw_bar(axes, row, case)
    axes.set(xlim=(0, 1), ylim=(len(timed) - 0.35, -0.62), yticks=[])
    axes.set_xticks([i / 10 for i in range(11)], [f"{10 * i} %" for i in range(11)], fontsize=8)
    axes.spines[["left", "right", "top"]].set_visible(False)
    _draw_legend(axes, timed)
    several = any(times_in_case(op) > 1 for case in timed for op in case.layer)
    note = f"time of each op: {'calls x ' if several else ''}median call; bound on the profiled GPU"
    note += "; ops below 1.2 % drawn together by bound"
    if any(case.step_ops for case in timed):
        note += f"; {', '.join(sorted(STEP_OPS))} left out: it runs once for all layers"
    heading(figure, "Share of time", reports, note)
    return figure


def _draw_bar(axes: "Axes", row: int, case: CaseOps) -> None:
    theme = Theme.chosen()
    total = case.time
    assert total.known
    left = 0.0
    shares: dict[str, float] = {}
    for label, share, bound in _segments(case, total.known):
        color, hatch = BOUND_STYLES[bound]
        axes.barh(row, share, left=left, height=0.5, color=color, hatch=hatch, edgecolor=theme.paper, linewidth=0.8)
        if share >= _NAMED:
            room = int(share * 210)
            text = f"{printable(label, max(room, 3))}\n{100 * share:.0f} %"
            box = {"boxstyle": "round,pad=0.15", "facecolor": theme.paper, "edgecolor": "none", "alpha": 0.85}
            middle = left + share / 2
            axes.text(middle, row, text, ha="center", va="center", fontsize=6.5, bbox=box, parse_math=False)
        left += share
        shares[bound] = shares.get(bound, 0.0) + share
    words = ", ".join(f"{100 * shares[bound]:.0f} % {bound}" for bound in BOUND_STYLES if bound in shares)
    part = "" if total.value else f" over {total.known_count} of {total.count} ops"
    text = f"{printable(case.title, _TITLE_WIDTH)}: {format_si(total.known / 1e9, 's')}{part}; {words}"
    axes.text(0, row - 0.3, text, ha="left", va="bottom", fontsize=8, parse_math=False)


def _segments(case: CaseOps, time_ns: float) -> list[tuple[str, float, str]]:
    """Label, share and bound: by bound, and within it the largest first, small ones together last."""
    names, segments = Counter(op.op for op in case.layer), []
    for bound in BOUND_STYLES:
        own = [
            (op.label if names[op.op] > 1 else op.op, (case.time_of(op) or 0) / time_ns)
            for op in case.layer
            if (op.measured_on.bound or "unknown") == bound
        ]
        large = sorted((item for item in own if item[1] >= _SMALL), key=lambda item: -item[1])
        small = [share for _, share in own if share < _SMALL]
        segments += [(label, share, bound) for label, share in large]
        if sum(small):
            segments.append((f"{len(small)} small", sum(small), bound))
    return segments


def _draw_legend(axes: "Axes", timed: Sequence[CaseOps]) -> None:
    from matplotlib.patches import Patch

    theme = Theme.chosen()
    used = {op.measured_on.bound or "unknown" for case in timed for op in case.layer if op.time_ns}
    patches = [
        Patch(
            facecolor=color,
            hatch=hatch,
            edgecolor=theme.paper,
            label=f"{bound}-bound" if bound != "unknown" else bound,
        )
        for bound, (color, hatch) in BOUND_STYLES.items()
        if bound in used
    ]
    axes.legend(
        handles=patches, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8, frameon=False, borderaxespad=0
    )
