"""launches/rank=000/part-0.parquet and so on: the launches of each rank, a dataset in Hive's layout."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = ()
FOLDER_FILES = ("launches",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write one file for each rank of an analysis over ranks; nothing of another one."""
    report = single(reports, path)
    if report.ranks is None:
        return []
    import polars as pl

    from roofprof.errors import RoofprofError
    from roofprof.files import cause

    paths = []
    # The partition is the rank: readers take it from the folder's name.
    for (rank,), launches in report.kernels.group_by("rank", maintain_order=True):
        target = path / f"rank={rank:03d}" / "part-0.parquet"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RoofprofError(f"cannot write to {path}: {cause(error)}", "choose another folder with -o") from None
        whole = BytesIO()
        launches.select(pl.exclude("rank")).write_parquet(whole)
        paths.append(write_output(target, partial(_copy, whole.getvalue())))
    return paths


def _copy(data: bytes, path: Path) -> None:
    path.write_bytes(data)
