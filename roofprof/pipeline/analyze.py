"""The whole way from files to a RooflineReport: reads with the parsers, analyses with the core."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.errors import UsageError
from roofprof.findings import Finding
from roofprof.formats.capture import load_capture
from roofprof.formulas.ops_file import load_ops_config
from roofprof.hardware.ceilings import load_ceilings
from roofprof.hardware.devices import DeviceSpec, load_gpu
from roofprof.parsers.ncu.report import Reader, read_ncu_report
from roofprof.pipeline.capture_group import Progress, read_group, read_trace
from roofprof.pipeline.selfcheck import find_selfcheck
from roofprof.results.report import RooflineReport, load_report

SAME_GPU = "same"


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
    selfcheck: Path | None = None
    """A selfcheck.json, or a directory with one; a capture's own is found by itself."""
    ceilings: Path | None = None
    """Measured roofs, as `roofprof ceilings` writes them."""
    reader: Reader = "roofprof"


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
    ceilings = load_ceilings(request.ceilings) if request.ceilings else None
    given = find_selfcheck(request.selfcheck) if request.selfcheck else None
    measured: list[Measured] = []
    findings: list[Finding] = []
    for path, name in zip(request.paths, _labels(request.paths), strict=True):
        if path.is_dir():
            capture = load_capture(path)
            findings += capture.findings
            proof = given or find_selfcheck(path, required=False)
            for group in capture.groups:
                read = read_group(group, request.domain, progress, request.reader)
                measured.append(replace(read, selfcheck=proof, ncu_version=capture.versions.get("ncu")))
        else:
            report = read_ncu_report(path, progress, name, request.reader)
            traces = [read_trace(request.timeline)] if request.timeline else []
            read = Measured(name, report.launches, report.devices, report.findings, traces=traces)
            measured.append(replace(read, selfcheck=given))
    if request.timeline and len(measured) > 1:
        raise UsageError("--timeline goes with one report", "a capture's directory holds its own traces")
    return analyze(measured, target, Options(request.domain, config, only, ceilings), findings)


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
