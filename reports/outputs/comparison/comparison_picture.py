"""The comparison as a picture, in each format of `plots.figures.FORMATS`."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.document.comparison import Comparison
from roofprof.reports.plots.figures import SUFFIXES as PICTURE_SUFFIXES

SUFFIXES = PICTURE_SUFFIXES
FOLDER_FILES = ("compare.png", "compare.svg")


def write(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """Draw every case."""
    from roofprof.reports.plots.compare import draw_comparison
    from roofprof.reports.plots.figures import save_picture

    return [save_picture(draw_comparison(comparisons), path)]
