"""ops.parquet: the rows of ops.csv, with their types."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = (".parquet",)
FOLDER_FILES = ("ops.parquet",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the ops of one analysis."""
    from roofprof.reports.files import ops_frame
    from roofprof.reports.parquet import write_parquet

    return [write_parquet(path, ops_frame(single(reports, path)))]
