"""all_kernels.csv: one row per op with everything that a document needs."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = (".csv",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the table of one analysis."""
    from roofprof.reports.all_kernels import write_all_kernels

    return [write_all_kernels(single(reports, path), path)]
