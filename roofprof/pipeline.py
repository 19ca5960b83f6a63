"""The whole way from files to a RooflineReport: reads with the parsers, analyses with the core."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from roofprof.analysis import Measured, Options, analyze
from roofprof.capture_manifest import Group, load_capture
from roofprof.device import DeviceSpec, load_gpu
from roofprof.errors import UsageError
from roofprof.findings import Finding
from roofprof.merge import merge_launches
from roofprof.nsys_times import NamedTrace
from roofprof.ops_config import load_ops_config
from roofprof.parsers.ncu_report import read_ncu_report
from roofprof.parsers.nsys_trace import read_nsys_trace
from roofprof.profiler.nsys import find_nsys
from roofprof.results import RooflineReport, load_report

SAME_GPU = "same"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """What `roofprof analyze` was asked for."""

    paths: Sequence[Path]
    gpu: str = "gb200"
    domain: str | None = None
    ops: str | None = None
    only: str | None = None
    timeline: Path | None = None
    """An nsys trace of the command that the one report is of."""


def analyze_files(request: AnalyzeRequest, progress: Progress | None = None) -> RooflineReport:
    """Read and analyse reports and captures, or load one saved report.json.

    Raises:
        RoofprofError: a file cannot be read, or an option names nothing.
    """
    if len(request.paths) == 1 and request.paths[0].suffix == ".json":
        return load_report(request.paths[0])
    target: DeviceSpec | None = None if request.gpu == SAME_GPU else load_gpu(request.gpu)
    config = load_ops_config(request.ops) if request.ops else None
    only = _pattern(request.only)
    measured: list[Measured] = []
    findings: list[Finding] = []
    for path, name in zip(request.paths, _labels(request.paths), strict=True):
        if path.is_dir():
            capture = load_capture(path)
            findings += capture.findings
            measured += [_read_group(group, request, progress) for group in capture.groups]
        else:
            report = read_ncu_report(path, progress, name)
            traces = [_read_trace(request.timeline)] if request.timeline else []
            measured.append(Measured(name, report.launches, report.devices, report.findings, traces=traces))
    if request.timeline and len(measured) > 1:
        raise UsageError("--timeline goes with one report", "a capture's directory holds its own traces")
    return analyze(measured, target, Options(request.domain, config, only), findings)


def _read_group(group: Group, request: AnalyzeRequest, progress: Progress | None) -> Measured:
    """One set of reports of a capture as one report, with its traces."""
    reports = [read_ncu_report(path, progress) for path in group.reports]
    launches, unmatched = merge_launches(group.name, [r.launches for r in reports], request.domain)
    missing = [f for r in reports for f in r.findings if f.kind != "counter-missing" or _still_null(f, launches)]
    findings = {(f.kind, f.values.get("column"), f.message): f for f in missing}.values()
    traces = [_read_trace(path) for path in group.traces]
    named = [replace(f, report=group.name) for f in findings]
    return Measured(group.name, launches, reports[0].devices, [*named, *unmatched], group.conditions, traces)


def _still_null(finding: Finding, launches: pl.DataFrame) -> bool:
    """Whether no other report of the group filled what this one lacks."""
    return bool(launches[finding.values["column"]].null_count())


def _read_trace(path: Path) -> NamedTrace:
    nsys = find_nsys() if path.suffix == ".nsys-rep" else None
    return NamedTrace(path.name, read_nsys_trace(path, nsys))


def _pattern(text: str | None) -> Callable[[str], bool] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(f"--only {text!r} is no regular expression: {error}") from None
    return lambda name: pattern.search(name) is not None


def _labels(paths: Sequence[Path]) -> list[str]:
    """File names, with as many folders before them as it takes to tell them apart."""
    if not paths:
        raise UsageError("no report was given", "roofprof analyze REPORT.ncu-rep")
    depth = 1
    while len({"/".join(p.absolute().parts[-depth:]) for p in paths}) < len({p.absolute() for p in paths}):
        depth += 1
    labels = ["/".join(p.absolute().parts[-depth:]) for p in paths]
    if len(set(labels)) < len(labels):
        raise UsageError("one report was given twice", "name each file once")
    return labels
