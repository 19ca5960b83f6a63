"""Frames as Parquet: one file, or a table per case for DuckDB and the like."""

import re
from io import BytesIO
from pathlib import Path

import polars as pl

from roofprof.document.cases import cases_of
from roofprof.files import write_output
from roofprof.reports.files import OPS_SCHEMA, ops_frame
from roofprof.results.report import RooflineReport

_LONGEST = 80


def write_parquet(path: Path, frame: pl.DataFrame) -> Path:
    """Write a frame, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """
    whole = BytesIO()  # polars takes no name that is not UTF-8, and reports a full disk as damaged Parquet
    frame.write_parquet(whole)
    return write_output(path, lambda partial: partial.write_bytes(whole.getvalue()))


def write_cases(report: RooflineReport, folder: Path) -> list[Path]:
    """Write ops-CASE.parquet for each case, the columns of ops.parquet, and kernels.parquet.

    Args:
        report: the analysis.
        folder: is made where it is not there; other files in it are left alone.

    Raises:
        RoofprofError: a file cannot be written.
    """
    frame = ops_frame(report)
    place = {id(op): number for number, op in enumerate(report.ops)}
    names: set[str] = set()
    written = []
    for case in cases_of([report]):
        rows = sorted(place[id(op)] for op in (*case.ops, *case.step_ops))
        written.append(write_parquet(folder / f"ops-{_name(case.title, names)}.parquet", frame[rows]))
    if not written:
        written.append(write_parquet(folder / "ops.parquet", pl.DataFrame(schema=OPS_SCHEMA)))
    return [*written, write_parquet(folder / "kernels.parquet", report.kernels)]


def _name(title: str, taken: set[str]) -> str:
    """`decode-batch-64-kv-length-4096-cold-cache`: titles of foreign reports are data, no path is made of them."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_LONGEST] or "case"
    number = 1
    while (name := plain if number == 1 else f"{plain}-{number}") in taken:
        number += 1
    taken.add(name)
    return name
