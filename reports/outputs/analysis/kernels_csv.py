"""kernels.csv: one row per launch."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = ()
FOLDER_FILES = ("kernels.csv",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the launches of one analysis."""
    from roofprof.reports.files import write_table

    return [write_table(path, single(reports, path).kernels)]
