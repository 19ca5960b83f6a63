"""The whole way from files to a RooflineReport: reads with the parsers, analyses with the core."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.analysis.retarget import only_ops, retarget, with_ceilings
from roofprof.configuration.config import NO_CONFIG, Config
from roofprof.errors import UsageError
from roofprof.formats.capture import load_capture
from roofprof.formulas.ops_file import OpsConfig, load_ops_config
from roofprof.hardware.ceilings import Ceilings, load_ceilings
from roofprof.hardware.devices import DEFAULT_GPU, SAME_GPU, DeviceSpec, load_gpu
from roofprof.launches.attribution import attribute
from roofprof.launches.rows import By
from roofprof.names.reading import Layers
from roofprof.options import name_filter
from roofprof.parsers.ncu.report import Reader, read_ncu_report
from roofprof.parsers.ncu.results import Progress
from roofprof.pipeline.capture_group import read_group, read_trace
from roofprof.pipeline.from_config import Say, with_note
from roofprof.pipeline.inputs import Input, InputKind, as_measured, as_reported, check_options
from roofprof.pipeline.names import unique_labels, with_unique_names
from roofprof.results.report import RooflineReport, load_report
from roofprof.timeline.op_times import NamedTrace

if TYPE_CHECKING:
    from roofprof.ranks.analyze import Ranks
    from roofprof.selfcheck.result import Selfcheck

CEILINGS_FILE = "ceilings.json"
"""Of a capture: the measured roofs of its GPU."""


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """What `roofprof analyze`, `report` and `compare` were asked for. None: the option was not given."""

    paths: Sequence[Path]
    gpu: str | None = None
    """Target: a name, a TOML file or `same`. By default `gb200`; a saved analysis keeps its own."""
    domain: str | None = None
    ops: str | None = None
    only: str | None = None
    timeline: Sequence[Path] | None = None
    """The nsys trace of the command that the one report is of; with `ranks` one for each rank."""
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
    ranks: bool | None = None
    """Whether the paths are ranks 0, 1, ... of one job."""
    config: Config = NO_CONFIG
    """Stands in for gpu, ops and ceilings where these are not given and the input does not hold them."""

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        names = [f.name for f in fields(self) if f.name not in ("paths", "config")]
        return tuple(name for name in names if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The files and patterns behind a request's options, read before any report is."""

    gpu: str | None
    target: DeviceSpec | None
    """Of what is measured; None for the profiled GPU."""
    domain: str | None
    ops: OpsConfig | None
    only: Callable[[str], bool] | None
    ceilings: Ceilings | None
    usual_ceilings: Ceilings | None
    """The config file's, for a report that comes with none."""
    selfcheck: "Selfcheck | None"
    trace: NamedTrace | None
    """Of the one report."""
    reader: Reader
    by: By
    layers: Layers
    request: AnalyzeRequest
    say: Say | None

    @classmethod
    def of(cls, request: AnalyzeRequest, say: Say | None) -> "_Loaded":
        config = request.config
        gpu = request.gpu or config.gpu() or DEFAULT_GPU
        ops, usual = request.ops or config.ops(), None if request.ceilings else config.ceilings()
        return cls(
            gpu=request.gpu,
            target=None if gpu == SAME_GPU else load_gpu(gpu),
            domain=request.domain,
            ops=load_ops_config(ops) if ops else None,
            only=name_filter(request.only),
            ceilings=load_ceilings(request.ceilings) if request.ceilings else None,
            usual_ceilings=load_ceilings(usual) if usual else None,
            selfcheck=_find_selfcheck(request.selfcheck) if request.selfcheck else None,
            trace=read_trace(request.timeline[0]) if request.timeline and not request.ranks else None,
            reader=request.reader or "roofprof",
            by=request.by or "op",
            layers=request.layers or "folded",
            request=request,
            say=say,
        )

    def chosen(self) -> Options:
        """The options of the analysis itself."""
        return Options(self.domain, self.ops, self.only, self.ceilings, by=self.by, layers=self.layers)


def analyze_files(request: AnalyzeRequest, progress: Progress | None = None, say: Say | None = None) -> RooflineReport:
    """Read and analyse reports and captures together, or load one saved analysis; options apply to both.

    Args:
        request: options apply to every input, or are refused.
        progress: see `read_ncu_report`.
        say: gets what was used of a config file.

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
    if len(request.timeline or ()) > 1 and not request.ranks:
        raise UsageError("--timeline was given several times", "with --ranks it is repeated, once for each rank")
    options = _Loaded.of(request, say)
    if request.ranks:
        if item := next((item for item in inputs if item.kind not in (InputKind.NCU_REPORT, InputKind.CAPTURE)), None):
            raise UsageError(f"--ranks takes reports and captures of ranks, not {item.kind}: {item.path}")
        from roofprof.pipeline.ranks import read_rank_files

        read = partial(_read, options, progress)
        return _analyze_ranks(read_rank_files(request.paths, labels, request.timeline or (), read), options)
    return _analyze(inputs, labels, options, progress)


def load_reports(
    request: AnalyzeRequest, say: Say | None = None, progress: Progress | None = None
) -> list[RooflineReport]:
    """One analysis for each path, loaded or made, with names that differ.

    Args:
        request: options apply to every input, or are refused.
        say: gets a line where a folder holds both a capture and an analysis of it, and what was used of a config file.
        progress: see `read_ncu_report`.

    Raises:
        UsageError, RoofprofError: as `analyze_files`.
    """
    inputs = [as_reported(path, request.given) for path in request.paths]
    labels = unique_labels([item.path for item in inputs])
    check_options(inputs, request.given)
    loaded = _Loaded.of(request, say)
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
    if of_ranks := next((item for item in inputs if item.kind is InputKind.RANKS), None):
        if len(inputs) > 1:
            message = f"{of_ranks.path} is {of_ranks.kind} and cannot be analyzed together with other inputs"
            raise UsageError(message, "analyze it alone")
        from roofprof.pipeline.ranks import read_rank_folders

        read = partial(_read, options, progress)
        return _analyze_ranks(read_rank_folders(of_ranks.path, labels[0], read), options)
    measured: list[Measured] = []
    for item, label in zip(inputs, labels, strict=True):
        measured += _read(options, progress, item.path, label, ())
    report = analyze(measured, options.target, options.chosen())
    return with_note(report, measured, options.request, options.usual_ceilings, options.say)


def _analyze_ranks(ranks: "Ranks", options: _Loaded) -> RooflineReport:
    from roofprof.ranks.analyze import analyze_ranks

    report = analyze_ranks(ranks, options.target, options.chosen())
    measured = [rank.measured for rank in ranks.reports]
    return with_note(report, measured, options.request, options.usual_ceilings, options.say)


def _read(
    options: _Loaded, progress: Progress | None, path: Path, label: str, traces: Sequence[Path]
) -> list[Measured]:
    """A report, or each group of a capture."""
    if not os.path.isdir(path):
        report = read_ncu_report(path, progress, label, options.reader)
        launches, doubts = attribute(report.launches, options.domain)
        named = [read_trace(trace) for trace in traces] or ([options.trace] if options.trace else [])
        read = Measured(label, launches, report.devices, [*report.findings, *doubts], traces=named)
        return [replace(read, selfcheck=options.selfcheck, ceilings=options.usual_ceilings)]
    capture = load_capture(path, label)
    check = options.selfcheck or _find_selfcheck(path, required=False)
    own, version = _own_ceilings(path) or options.usual_ceilings, capture.versions.get("ncu")
    measured = []
    for number, group in enumerate(capture.groups):
        read = read_group(group, options.domain, progress, options.reader)
        named = [read_trace(trace) for trace in traces] or [*read.traces]
        told = [*([] if number else capture.findings), *read.findings]
        measured.append(replace(read, findings=told, traces=named, selfcheck=check, ncu_version=version, ceilings=own))
    return measured


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
