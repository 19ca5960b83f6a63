"""The whole way from files to a RooflineReport: reads with the parsers, analyses with the core."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from roofprof.analysis import Measured, Options, analyze
from roofprof.device import DeviceSpec, load_gpu
from roofprof.errors import UsageError
from roofprof.ops_config import load_ops_config
from roofprof.parsers.ncu_report import read_ncu_report
from roofprof.results import RooflineReport, load_report

SAME_GPU = "same"


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """What `roofprof analyze` was asked for."""

    paths: Sequence[Path]
    gpu: str = "gb200"
    domain: str | None = None
    ops: str | None = None
    only: str | None = None


def analyze_files(request: AnalyzeRequest, progress: Callable[[int, int], None] | None = None) -> RooflineReport:
    """Read and analyse reports, or load one saved report.json.

    Raises:
        RoofprofError: a file cannot be read, or an option names nothing.
    """
    if len(request.paths) == 1 and request.paths[0].suffix == ".json":
        return load_report(request.paths[0])
    target: DeviceSpec | None = None if request.gpu == SAME_GPU else load_gpu(request.gpu)
    config = load_ops_config(request.ops) if request.ops else None
    only = _pattern(request.only)
    names = _labels(request.paths)
    measured = []
    for path, name in zip(request.paths, names, strict=True):
        report = read_ncu_report(path, progress, name)
        measured.append(Measured(report.name, report.launches, report.devices, report.findings))
    return analyze(measured, target, Options(request.domain, config, only))


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
