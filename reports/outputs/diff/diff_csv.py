"""diff.csv: one row per op."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.tables.diff import ShownDiff

SUFFIXES = (".csv",)
FOLDER_FILES = ("diff.csv",)


def write(diffs: Sequence[ShownDiff], path: Path) -> list[Path]:
    """Write every op."""
    from roofprof.reports.tables.diff import csv_text

    return [write_output(path, lambda partial: partial.write_text(csv_text(diffs[0]), encoding="utf-8"))]
