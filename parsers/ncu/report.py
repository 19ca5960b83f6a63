"""Reads .ncu-rep files into the launch frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from roofprof.files import plain_name
from roofprof.findings import Finding
from roofprof.hardware.profiled_gpu import Attributes
from roofprof.parsers.ncu.findings import reading_findings
from roofprof.parsers.ncu.results import Progress

Reader = Literal["roofprof", "ncu-report"]
"""roofprof's own, or NVIDIA's module in child processes."""


@dataclass(frozen=True, slots=True)
class NcuReport:
    """What one .ncu-rep holds."""

    name: str
    """File name, without its folder."""
    launches: pl.DataFrame
    """One row per launch, `LAUNCH_SCHEMA`."""
    devices: Mapping[str, Attributes]
    """Device index to its attributes."""
    findings: tuple[Finding, ...]


def read_ncu_report(
    path: str | Path, progress: Progress | None = None, name: str | None = None, reader: Reader = "roofprof"
) -> NcuReport:
    """Read every launch of a report.

    Args:
        path: an .ncu-rep file.
        progress: called with (launches read, launches in all).
        name: what to call the report; its file name by default.
        reader: which reader opens it.

    Raises:
        ReportError: not a report, damaged, without kernels, or not for this reader.
    """
    # numpy is loaded when a report is read, not when the command line is.
    from roofprof.parsers.ncu.frame import launch_frame, left_open

    path = Path(path)
    label = name or plain_name(path.name)
    findings: list[Finding] = []
    if reader == "ncu-report":
        from roofprof.parsers.ncu import ncu_report_reader

        results = ncu_report_reader.read_results(path, progress)
    else:
        from roofprof.parsers.ncu import reader as own_reader
        from roofprof.parsers.ncu.whole import whole_findings

        reading = own_reader.read_results(path, progress)
        results = reading.results
        findings += whole_findings(label, reading)
    launches = launch_frame(results, label)
    findings += reading_findings(label, launches, left_open(results))
    return NcuReport(label, launches, results.devices, tuple(findings))
