"""ops.parquet: the rows of ops.csv, with their types."""

from collections.abc import Sequence
from io import BytesIO
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

    whole = BytesIO()  # polars takes no name that is not UTF-8, and reports a full disk as damaged Parquet
    frame.write_parquet(whole)
    return [write_output(path, lambda partial: partial.write_bytes(whole.getvalue()))]
