"""ops.csv: one row per op, flat, for spreadsheets and awk."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = ()  # .csv with -o FILE is all_kernels.csv, which can be read back
FOLDER_FILES = ("ops.csv",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the ops of one analysis."""
    from roofprof.reports.files import ops_frame, write_table

    return [write_table(path, ops_frame(single(reports, path)))]
