"""Reads one group of a capture: its reports merged by launch, its traces beside them."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from roofprof.analysis.analyze import Measured
from roofprof.files import plain_name
from roofprof.findings import Finding
from roofprof.formats.capture import Group
from roofprof.formats.kept_files import launch_finding
from roofprof.launches.attribution import attribute
from roofprof.launches.merge import merge_launches
from roofprof.parsers.ncu.report import Reader, read_ncu_report
from roofprof.parsers.ncu.results import Progress
from roofprof.timeline.op_times import NamedTrace


def read_group(
    group: Group, domain: str | None = None, progress: Progress | None = None, reader: Reader = "roofprof"
) -> Measured:
    """One set of reports of a capture as one report, with its traces."""
    reports = [read_ncu_report(path, progress, reader=reader) for path in group.reports]
    attributed = [attribute(r.launches, domain) for r in reports]
    looks = [path in group.looks for path in group.reports]
    samples = [path in group.samples for path in group.reports]
    launches, unmatched = merge_launches(group.name, [frame for frame, _ in attributed], looks, samples)
    missing = [f for r in reports for f in r.findings if f.kind != "counter-missing" or _still_null(f, launches)]
    counts = {path: r.launches.height for path, r in zip(group.reports, reports, strict=True)}
    recorded = group.recorded_launches
    altered = [launch_finding(p, n, recorded[p]) for p, n in counts.items() if recorded.get(p, n) != n]
    findings = {(f.kind, f.values.get("column"), f.message): f for f in missing}.values()
    traces = [read_trace(path) for path in group.traces]
    doubts = attributed[0][1]  # about the domain: the first report's ranges are the group's
    named = [replace(f, report=group.name) for f in [*altered, *findings, *doubts]]
    return Measured(group.name, launches, reports[0].devices, [*named, *unmatched], group.conditions, traces)


def _still_null(finding: Finding, launches: pl.DataFrame) -> bool:
    """Whether the counter is missing in the other reports of the group too."""
    return bool(launches[finding.values["column"]].null_count())


def read_trace(path: Path) -> NamedTrace:
    """Read an nsys trace, exported first where it has to be."""
    # Not at the top: most analyses read no trace.
    from roofprof.parsers.nsys.trace import read_nsys_trace
    from roofprof.profiler.nsys.export import exported

    return NamedTrace(plain_name(path.name), read_nsys_trace(path, exported))
