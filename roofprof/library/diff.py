"""Two analyses compared, for a script or a notebook."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from roofprof.changes.diff import DEFAULT_THRESHOLD, Diff, counts
from roofprof.changes.diff import diff as compare
from roofprof.changes.gate import VERDICT, Gate
from roofprof.changes.gate import gate as judge
from roofprof.library.report import PathLike, Report, load
from roofprof.options import name_filter
from roofprof.pipeline.timeline_report import is_trace, timeline_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from roofprof.reports.tables.diff import ShownDiff

_SHOWN = ("op", "verdict", "a_time_ns", "b_time_ns", "work_factor", "byte_factor", "efficiency_factor")
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True, repr=False)
class DiffReport:
    """What changed from one analysis to another: docs/diff.md."""

    data: Diff
    names: tuple[str, str]
    """Of before and after."""

    @property
    def ops(self) -> pl.DataFrame:
        """One row per op of either side: the columns of diff.csv."""
        from roofprof.reports.tables.diff import diff_frame

        return diff_frame(self._shown())

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many ops of each verdict."""
        return {str(verdict): number for verdict, number in counts(self.data.ops).items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not alike on the two sides."""
        return self.data.notes

    def gate(self, metric: str = VERDICT) -> Gate:
        """Whether the change may pass: `ok`, `exit_code`, `regressed`, `inconclusive`.

        Args:
            metric: verdict, time, dram_bytes, flop_count, roof or any.
        """
        return judge(self.data, metric)

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Both sides on one roofline, saved too where a path is given."""
        from roofprof.reports.plots.diff import draw_diff

        figure = draw_diff(self._shown())
        if path is not None:
            from roofprof.reports.plots.figures import save_picture

            save_picture(figure, Path(path))
        return figure

    def to_markdown(self, metric: str | None = None) -> str:
        """The comment for a pull request; with the answer of a gate where a metric is named."""
        from roofprof.reports.markdown.diff import render_diff

        return render_diff(self._shown(metric))

    def save(self, path: PathLike) -> Path:
        """Write one file as its suffix says: .json .html .md .csv .png .svg .pdf.

        Raises:
            roofprof.errors.RoofprofError: no such format, or the file cannot be written.
        """
        from roofprof.reports.outputs.registry import diff_outputs, required_output

        required_output(diff_outputs(), Path(path)).write([self._shown()], Path(path))
        return Path(path)

    def _shown(self, metric: str | None = None) -> "ShownDiff":
        from roofprof.reports.tables.diff import ShownDiff

        return ShownDiff(self.data, self.names, None if metric is None else self.gate(metric))

    def __repr__(self) -> str:
        found = ", ".join(f"{number} {verdict}" for verdict, number in self.verdicts.items()) or "nothing compared"
        return f"<roofprof.DiffReport {self.names[0]!r} to {self.names[1]!r}: {found}>"

    def _repr_html_(self) -> str:
        """The ops whose time changed most and the roofline, for notebooks."""
        from roofprof.library.notebook import page_part

        frame = self.ops.select(_SHOWN)
        return page_part(repr(self), _SHOWN, frame.head(_SHOWN_ROWS).rows(), frame.height, self.plot())


def diff(
    a: Report | PathLike, b: Report | PathLike, *, threshold: float = DEFAULT_THRESHOLD, only: str | None = None
) -> DiffReport:
    """Compare two analyses op by op.

    Args:
        a: before: a report, or the path of a saved analysis, a capture, an .ncu-rep file or an nsys trace.
        b: after: likewise.
        threshold: a change within this fraction is none: 0.03 is 3 %.
        only: keep ops whose name matches this regular expression.

    Raises:
        roofprof.errors.RoofprofError: a file cannot be read.
    """
    sides = [_report(side) for side in (a, b)]
    found = compare(sides[0].data, sides[1].data, threshold, name_filter(only))
    return DiffReport(found, (sides[0].name, sides[1].name))


def _report(side: Report | PathLike) -> Report:
    if isinstance(side, Report):
        return side
    path = Path(side)
    return Report(timeline_report(path), os.fspath(side)) if is_trace(path) else load(side)
