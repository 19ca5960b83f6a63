"""A capture's manifest.json: which reports describe the same launches, under which conditions, and what is missing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roofprof.errors import ReportError, RoofprofError
from roofprof.findings import Finding, Severity

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of a group's launches beside its reports."""

    cache: str | None = None
    implementations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of the range around a layer -> op -> implementation."""
    capture: Mapping[str, Any] = field(default_factory=dict)
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
    """nsys traces of the same command, the eager one first."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture's directory."""

    groups: Sequence[Group]
    findings: Sequence[Finding]
    versions: Mapping[str, Any] = field(default_factory=dict)
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
    data = _read(folder)
    runs = {run["report"]: run for run in data["runs"] if run.get("report")}
    merged: list[list[str]] = []
    for group in data.get("merge", ()):
        merged.append([name for name in group if name in runs and not any(name in other for other in merged)])
    alone = [[name] for name in runs if not any(name in group for group in merged)]
    names = [group for group in [*merged, *alone] if group]
    if not names:
        raise ReportError(
            f"{folder} holds no report: the capture {data['state']}", "see logs/ there, and capture again"
        )
    implementations = {case["range_name"]: case.get("implementations", {}) for case in data.get("cases", ())}
    origin = _origin(data)
    groups = []
    for group, own_name in zip(names, _group_names([(runs[group[0]], group[0]) for group in names]), strict=True):
        phase, cache = (runs[group[0]].get(key) for key in ("phase", "cache"))
        conditions = Conditions(cache, implementations, origin)
        traces = _traces(folder, data, phase) if cache != "warm" else ()
        name = f"{label or folder.resolve().name}/{own_name}"
        groups.append(Group(name, [folder / report for report in group], phase, conditions, traces))
    versions, created, chip = (data.get(key) for key in ("versions", "created", "chip"))
    return Capture(groups, _findings(folder, data), versions or {}, created, chip)


def _group_names(firsts: Sequence[tuple[Mapping[str, Any], str]]) -> list[str]:
    """Phase and cache mode of each group's first run, or its report's stem; with the report's path where two agree."""
    names = []
    for run, report in firsts:
        conditions = "-".join(str(run[key]) for key in ("phase", "cache") if run.get(key))
        names.append(conditions or Path(report).stem)
    repeated = {name for name in names if names.count(name) > 1}
    return [f"{name}/{report}" if name in repeated else name for name, (_, report) in zip(names, firsts, strict=True)]


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    hint = "give a capture's directory, or .ncu-rep files"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{folder} is a directory without a {MANIFEST}", hint) from None
    except (OSError, ValueError) as error:
        raise ReportError(f"cannot read {path}: {error}", hint) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION or not isinstance(data.get("runs"), list):
        raise ReportError(f"{path} is not a manifest of schema version {SCHEMA_VERSION}", "capture again")
    manifest: dict[str, Any] = data
    return manifest


def _traces(folder: Path, data: Mapping[str, Any], phase: str | None) -> list[Path]:
    """The phase's traces that are there, eager before graph."""
    found = [t for t in data.get("nsys", ()) if t.get("trace") and t.get("phase") == phase]
    found.sort(key=lambda t: t.get("name") != "eager")
    return [path for t in found if (path := folder / t["trace"]).exists()]


def _origin(data: Mapping[str, Any]) -> dict[str, Any]:
    """Date, recipe and versions of a capture, flat."""
    versions = dict(data.get("versions") or {})
    packages = versions.pop("packages", None) or {}
    flat = {name: str(value) for name, value in {**versions, **packages}.items() if value is not None}
    return {"created": data.get("created"), "recipe": data.get("recipe"), "versions": flat}


def _findings(folder: Path, data: Mapping[str, Any]) -> list[Finding]:
    """What the capture itself says is missing or untested."""
    found = []
    if data["state"] != "complete":
        broken = [run for run in [*data["runs"], *data.get("nsys", ())] if run.get("state") != "complete"]
        causes = "; ".join(f"{run.get('name')}: {run.get('cause') or run.get('state')}" for run in broken)
        found.append(
            Finding(
                "capture-partial", Severity.WARNING, f"the capture in {folder.name} is {data['state']}: {causes}",
                "what is missing is null or absent below; capture again for the rest",
            )
        )  # fmt: skip
    for case in data.get("cases", ()):
        for op, reason in case.get("not_run", {}).items():
            found.append(Finding("op-not-run", Severity.INFO, f"{op} was not run: {reason}", op=op))
        if untested := case.get("untested"):
            message = f"{case['range_name']}: implementations never tested on this GPU: {', '.join(untested)}"
            found.append(Finding("untested-implementation", Severity.DOUBTFUL, message))
    return found


NSYS_FOLDER = "nsys"
"""Of a capture's directory: one .sqlite per run."""


def find_traces(path: Path) -> list[Path]:
    """The traces that a path means: itself, or those of a capture's directory, in the order of name.

    Raises:
        RoofprofError: no such path, or a directory without a trace.
    """
    if not path.exists():
        raise RoofprofError(f"no such file: {path}", "give a capture's directory, or an nsys trace")
    if not path.is_dir() or any(path.glob("*.parquet")):
        return [path]
    for folder in (path / NSYS_FOLDER, path):
        for suffix in (".sqlite", ".nsys-rep"):
            if found := sorted(folder.glob(f"*{suffix}")):
                return found
        if found := sorted(child for child in folder.glob("*/") if any(child.glob("*.parquet"))):
            return found
    raise RoofprofError(
        f"{path} holds no nsys trace",
        "a capture has them in nsys/, unless it was made with --no-nsys",
    )
