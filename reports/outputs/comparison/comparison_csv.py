"""compare.csv, and the claims' rows in a file beside it."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.document.comparison import Comparison

SUFFIXES = (".csv",)
FOLDER_FILES = ("compare.csv",)


def write(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """Write one row per op and case."""
    from roofprof.reports.tables.compare import write_csv_files

    return write_csv_files(comparisons, path)
