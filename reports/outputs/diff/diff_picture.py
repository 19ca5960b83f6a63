"""The diff on one roofline, in each format of `plots.figures.FORMATS`."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.plots.figures import SUFFIXES as PICTURE_SUFFIXES
from roofprof.reports.tables.diff import ShownDiff

SUFFIXES = PICTURE_SUFFIXES
FOLDER_FILES = ("diff.png",)


def write(diffs: Sequence[ShownDiff], path: Path) -> list[Path]:
    """Draw every case."""
    from roofprof.reports.plots.diff import draw_diff
    from roofprof.reports.plots.figures import save_picture

    return [save_picture(draw_diff(diffs[0]), path)]
