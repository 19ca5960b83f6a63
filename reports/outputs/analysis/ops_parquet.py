"""ops.parquet: the rows of ops.csv, with their types."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = (".parquet",)
FOLDER_FILES = ("ops.parquet",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the ops of one analysis."""
    from roofprof.reports.files import ops_frame

    frame = ops_frame(single(reports, path))

    def write_frame(partial: Path) -> None:
        with partial.open("wb") as file:  # polars takes no name that is not UTF-8
            frame.write_parquet(file)

    return [write_output(path, write_frame)]
