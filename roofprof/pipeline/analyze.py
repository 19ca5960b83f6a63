"""The whole way from files to a RooflineReport: reads with the parsers, analyses with the core."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.analysis.retarget import only_ops, retarget, with_ceilings
from roofprof.errors import UsageError
from roofprof.findings import Finding
from roofprof.formats.capture import load_capture
from roofprof.formulas.ops_file import OpsConfig, load_ops_config
from roofprof.hardware.ceilings import Ceilings, load_ceilings
from roofprof.hardware.devices import DeviceSpec, load_gpu
from roofprof.launches.attribution import attribute
from roofprof.launches.rows import By
from roofprof.names.reading import Layers
from roofprof.parsers.ncu.report import Reader, read_ncu_report
from roofprof.parsers.ncu.results import Progress
from roofprof.pipeline.capture_group import read_group, read_trace
from roofprof.pipeline.inputs import Input, InputKind, as_measured, as_reported, check_options
from roofprof.pipeline.names import unique_labels, with_unique_names
from roofprof.results.report import RooflineReport, load_report
from roofprof.timeline.op_times import NamedTrace

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck

SAME_GPU = "same"
CEILINGS_FILE = "ceilings.json"
"""Of a capture: the measured roofs of its GPU."""
DEFAULT_GPU = "gb200"


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """What `roofprof analyze`, `report` and `compare` were asked for. None: the option was not given."""

    paths: Sequence[Path]
    gpu: str | None = None
    """Target: a name, a TOML file or `same`. By default `gb200`; a saved analysis keeps its own."""
    domain: str | None = None
    ops: str | None = None
    only: str | None = None
    timeline: Path | None = None
    """An nsys trace of the command that the one report is of."""
    selfcheck: Path | None = None
    """A selfcheck.json, or a directory with one; a capture's own is picked up automatically."""
    ceilings: Path | None = None
    """Measured roofs, as `roofprof ceilings` writes them."""
    reader: Reader | None = None
    """Of .ncu-rep files; roofprof's own by default."""
    by: By | None = None
    """What makes a row; by default ops, and kernels where no range is."""
    layers: Layers | None = None
    """Whether the layers of a model are rows of their own; by default not."""

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        names = [f.name for f in fields(self) if f.name != "paths"]
        return tuple(name for name in names if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The files and patterns behind a request's options, read before any report is."""

    gpu: str | None
    target: DeviceSpec | None
    """None without --gpu, and for `same`."""
    domain: str | None
    config: OpsConfig | None
    only: Callable[[str], bool] | None
    ceilings: Ceilings | None
    selfcheck: "Selfcheck | None"
    traces: Sequence[NamedTrace]
    reader: Reader
    by: By
    layers: Layers

    @classmethod
    def of(cls, request: AnalyzeRequest) -> "_Loaded":
        return cls(
            gpu=request.gpu,
            target=load_gpu(request.gpu) if request.gpu not in (None, SAME_GPU) else None,
            domain=request.domain,
            config=load_ops_config(request.ops) if request.ops else None,
            only=name_filter(request.only),
            ceilings=load_ceilings(request.ceilings) if request.ceilings else None,
            selfcheck=_find_selfcheck(request.selfcheck) if request.selfcheck else None,
            traces=[read_trace(request.timeline)] if request.timeline else [],
            reader=request.reader or "roofprof",
            by=request.by or "op",
            layers=request.layers or "folded",
        )


def analyze_files(request: AnalyzeRequest, progress: Progress | None = None) -> RooflineReport:
    """Read and analyse reports and captures together, or load one saved analysis; options apply to both.

    Raises:
        UsageError: an option that an input cannot apply, or that names nothing; an input given twice.
        RoofprofError: a file cannot be read.
    """
    inputs = [as_measured(path) for path in request.paths]
    labels = unique_labels([item.path for item in inputs])
    saved = next((item for item in inputs if item.kind.saved), None)
    if saved and len(inputs) > 1:
        raise UsageError(
            f"{saved.path} is {saved.kind} and cannot be analyzed together with other inputs",
            "set analyses side by side with roofprof report A B -o roofline.md",
        )
    check_options(inputs, request.given)
    return _analyze(inputs, labels, _Loaded.of(request), progress)


def load_reports(
    request: AnalyzeRequest, say: Callable[[str], None] | None = None, progress: Progress | None = None
) -> list[RooflineReport]:
    """One analysis for each path, loaded or made, with names that differ.

    Args:
        request: options apply to every input, or are refused.
        say: gets a line where a folder holds both a capture and an analysis of it.
        progress: see `read_ncu_report`.

    Raises:
        UsageError, RoofprofError: as `analyze_files`.
    """
    inputs = [as_reported(path, request.given) for path in request.paths]
    labels = unique_labels([item.path for item in inputs])
    check_options(inputs, request.given)
    loaded = _Loaded.of(request)
    for item in inputs:
        if item.note and say:
            say(item.note)
    reports = [_analyze([item], [label], loaded, progress) for item, label in zip(inputs, labels, strict=True)]
    return with_unique_names(reports, labels)


def _analyze(
    inputs: Sequence[Input], labels: Sequence[str], options: _Loaded, progress: Progress | None
) -> RooflineReport:
    if inputs[0].kind.saved:
        return _adapted(_load(inputs[0]), options)
    measured: list[Measured] = []
    findings: list[Finding] = []
    for item, label in zip(inputs, labels, strict=True):
        if item.kind is InputKind.CAPTURE:
            capture = load_capture(item.path, label)
            findings += capture.findings
            check = options.selfcheck or _find_selfcheck(item.path, required=False)
            for group in capture.groups:
                read = read_group(group, options.domain, progress, options.reader)
                own = _own_ceilings(item.path)
                measured.append(replace(read, selfcheck=check, ncu_version=capture.versions.get("ncu"), ceilings=own))
        else:
            report = read_ncu_report(item.path, progress, label, options.reader)
            launches, doubts = attribute(report.launches, options.domain)
            found = [*report.findings, *doubts]
            read = Measured(label, launches, report.devices, found, traces=options.traces)
            measured.append(replace(read, selfcheck=options.selfcheck))
    target = options.target if options.gpu else load_gpu(DEFAULT_GPU)
    chosen = Options(
        options.domain, options.config, options.only, options.ceilings, by=options.by, layers=options.layers
    )
    return analyze(measured, target, chosen, findings)


def _own_ceilings(capture: Path) -> Ceilings | None:
    path = capture / CEILINGS_FILE
    return load_ceilings(path) if path.is_file() else None


def _load(item: Input) -> RooflineReport:
    if item.kind is InputKind.ALL_KERNELS:
        from roofprof.reports.all_kernels import read_all_kernels

        return read_all_kernels(item.path)
    return load_report(item.path)


def _find_selfcheck(path: Path, required: bool = True) -> "Selfcheck | None":
    from roofprof.pipeline.selfcheck import find_selfcheck

    return find_selfcheck(path, required)


def _adapted(report: RooflineReport, options: _Loaded) -> RooflineReport:
    """A saved analysis with what can still be chosen: its ops, its target and its measured roofs."""
    if options.only:
        report = only_ops(report, options.only)
    if options.gpu:
        report = retarget(report, options.target or report.gpu)
    return with_ceilings(report, options.ceilings) if options.ceilings else report


def name_filter(text: str | None) -> Callable[[str], bool] | None:
    """Which names --only takes: those in which the regular expression is found; None takes all.

    Raises:
        UsageError: no regular expression.
    """
    if text is None:
        return None
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise UsageError(f"invalid regular expression in --only: {text!r}: {error}") from None
    return lambda name: compiled.search(name) is not None
