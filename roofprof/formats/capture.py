"""A capture's manifest.json: which reports describe the same launches, under which conditions, and what is missing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import plain_name
from roofprof.findings import Finding, Severity
from roofprof.formats.kept_files import file_findings
from roofprof.formats.manifest import CapturedCase, Manifest, Run, read_manifest


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of a group's launches beside its reports."""

    cache: str | None = None
    implementations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of the range around a layer -> op -> implementation."""
    capture: Mapping[str, object] = field(default_factory=dict)
    """When, with which recipe and versions: what report.json says of the capture."""


UNKNOWN_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class Group:
    """Reports that describe the same launches, each with other counters; the first has the time."""

    name: str
    """For instance `capture/decode-cold`."""
    reports: Sequence[Path]
    phase: str | None
    conditions: Conditions
    traces: Sequence[Path] = ()
    """nsys traces of the same command, the eager one first; those that are there."""
    looks: frozenset[Path] = frozenset()
    """Reports that hold some of the kernels alone, of purpose."""
    samples: frozenset[Path] = frozenset()
    """Reports that hold one launch alone of each shape of a kernel, of purpose."""
    recorded_launches: Mapping[Path, int] = field(default_factory=dict)
    """By report: how many the manifest says it holds, where it does."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture's directory."""

    groups: Sequence[Group]
    findings: Sequence[Finding]
    versions: Mapping[str, str | None] = field(default_factory=dict)
    """`gpu`, `driver`, `ncu` and more, as the manifest has them."""
    created: str | None = None
    """ISO 8601, UTC."""
    chip: str | None = None


def load_capture(folder: Path, label: str | None = None) -> Capture:
    """Read a capture's manifest.

    Args:
        folder: the capture.
        label: what its groups' names begin with; the folder's own name by default. Captures that are analysed
            together need different ones.

    Raises:
        ReportError: no manifest, a damaged one, or a capture without a report.
    """
    manifest = read_manifest(folder)
    runs = {run.report: run for run in manifest.runs if run.report}
    merged: list[list[str]] = []
    for group in manifest.merge:
        merged.append([name for name in group if name in runs and not any(name in other for other in merged)])
    alone = [[name] for name in runs if not any(name in group for group in merged)]
    names = [group for group in [*merged, *alone] if group]
    if not names:
        raise ReportError(
            f"{folder} holds no report: the capture {manifest.state}", "see logs/ there, and capture again"
        )
    implementations = {case.range_name: case.implementations for case in manifest.cases if case.range_name}
    origin = _origin(manifest)
    groups = []
    for group, own_name in zip(names, _group_names([(runs[group[0]], group[0]) for group in names]), strict=True):
        phase, cache = runs[group[0]].phase, runs[group[0]].cache
        conditions = Conditions(cache, implementations, origin)
        traces = _traces(folder, manifest, phase) if cache != "warm" else ()
        launches = {folder / name: count for name in group if (count := runs[name].launches) is not None}
        name = f"{label or plain_name(folder.resolve().name)}/{own_name}"
        looks = frozenset(folder / report for report in group if runs[report].look)
        samples = frozenset(folder / report for report in group if runs[report].sample)
        reports = [folder / report for report in group]
        groups.append(Group(name, reports, phase, conditions, traces, looks, samples, launches))
    findings = [*_findings(folder, manifest), *file_findings(folder, [*manifest.runs, *manifest.nsys])]
    return Capture(groups, findings, manifest.versions, manifest.created, manifest.chip)


def _group_names(firsts: Sequence[tuple[Run, str]]) -> list[str]:
    """Phase and cache mode of each group's first run, or its report's stem; with the report's path where two agree."""
    names = []
    for run, report in firsts:
        conditions = "-".join(word for word in (run.phase, run.cache) if word)
        names.append(conditions or Path(report).stem)
    repeated = {name for name in names if names.count(name) > 1}
    return [f"{name}/{report}" if name in repeated else name for name, (_, report) in zip(names, firsts, strict=True)]


def _traces(folder: Path, manifest: Manifest, phase: str | None) -> list[Path]:
    """The phase's traces that are there, eager before graph."""
    found = [run for run in manifest.nsys if run.trace and run.phase == phase]
    found.sort(key=lambda run: run.name != "eager")
    return [path for run in found if os.path.exists(path := folder / str(run.trace))]


def _origin(manifest: Manifest) -> dict[str, object]:
    """Date, recipe, versions and how the layer is cut over GPUs, flat."""
    versions = {**manifest.versions, **manifest.packages}
    flat = {name: version for name, version in versions.items() if version is not None}
    cuts = {f"TP {case.tp}, EP {case.ep}": None for case in manifest.cases if case.tp and case.ep}
    return {
        "created": manifest.created, "recipe": manifest.recipe, "versions": flat,
        **({"cut": "; ".join(cuts)} if cuts else {}),
    }  # fmt: skip


def _findings(folder: Path, manifest: Manifest) -> list[Finding]:
    """What the capture itself says is missing or untested."""
    found = []
    if manifest.state != "complete":
        broken = [run for run in [*manifest.runs, *manifest.nsys] if run.state != "complete"]
        causes = "; ".join(f"{run.name}: {run.cause or run.state}".rstrip(" :") for run in broken)
        found.append(
            Finding(
                "capture-partial", Severity.WARNING, f"the capture in {folder.name} is {manifest.state}: {causes}",
                "what is missing is null or absent below; capture again for the rest",
            )
        )  # fmt: skip
    found += [
        Finding(
            "capture-changed", Severity.WARNING, f"{folder.name}: {change}",
            "docs/capture.md says what the other way counts and what it does not",
        )
        for change in manifest.changes
    ]  # fmt: skip
    if manifest.region and (manifest.region.asked, manifest.region.used) == ("auto", "all"):
        count = next((run.launches for run in manifest.runs if run.launches is not None), None)
        launches = "all launches" if count is None else f"all {count} launches"
        found.append(
            Finding(
                "no-region", Severity.WARNING,
                f"{folder.name}: the workload marks no region, so {launches} were profiled: loading, warm-up and "
                "autotuning are among them, mostly as launches in no range",
                "call cudaProfilerStart and cudaProfilerStop around the steps, or roofprof.region(), and capture again",
            )
        )  # fmt: skip
    for case in manifest.cases:
        found += _case_findings(case)
    return found


def _case_findings(case: CapturedCase) -> list[Finding]:
    found = [
        Finding("op-not-run", Severity.INFO, f"{op} was not run: {reason}", op=op)
        for op, reason in case.not_run.items()
    ]
    if case.untested:
        message = f"{case.range_name}: implementations never tested on this GPU: {', '.join(case.untested)}"
        found.append(Finding("untested-implementation", Severity.DOUBTFUL, message))
    return found


NSYS_FOLDER = "nsys"
"""Of a capture's directory: one .sqlite per run."""

TRACE_SUFFIXES = (".sqlite", ".nsys-rep")
"""Of nsys traces in a file, the form that is read without nsys first."""


_EXPORTED = ("StringIds*", "CUPTI_ACTIVITY_KIND_*", "NVTX_EVENTS*", "TARGET_INFO_*")
"""Tables of nsys: one of them at least is in every export of a trace."""


def is_parquet_export(folder: Path) -> bool:
    """Whether a folder is an nsys trace as Parquet files: tables of ours lie in one as Parquet, too."""
    return any(any(folder.glob(f"{name}.parquet")) for name in _EXPORTED)


def find_traces(path: Path) -> list[Path]:
    """The traces that a path means: itself, or those of a capture's directory, in the order of name.

    Raises:
        RoofprofError: no such path, or a directory without a trace.
    """
    if not os.path.lexists(path):
        raise RoofprofError(f"no such file: {path}", "give a capture's directory, or an nsys trace")
    if not os.path.isdir(path) or is_parquet_export(path):
        return [path]
    for folder in (path / NSYS_FOLDER, path):
        for suffix in TRACE_SUFFIXES:
            if found := sorted(folder.glob(f"*{suffix}")):
                return found
        if found := sorted(filter(is_parquet_export, folder.glob("*/"))):
            return found
    raise RoofprofError(
        f"{path} holds no nsys trace",
        "a capture has them in nsys/, unless it was made with --no-nsys",
    )
