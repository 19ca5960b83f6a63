"""A capture's manifest.json as it is read: every value checked, and no path that leads out of the capture."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated

from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json
from roofprof.formatting import quantity
from roofprof.validate import Bounds, built, checked

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
_HINT = "give a capture's directory, or .ncu-rep files"


@dataclass(frozen=True, slots=True)
class Run:
    """A process of a profiler, and the file that it left."""

    phase: str | None
    name: str | None = None
    cache: str | None = None
    report: str | None = None
    """Of ncu, its path in the capture."""
    trace: str | None = None
    """Of nsys, its path in the capture."""
    state: str | None = None
    cause: str | None = None
    launches: int | None = None
    """In the report."""
    wall_s: float | None = None
    """What the process took."""
    look: str | None = None
    """Of a run of some kernels alone, which: a second look, or those that communicate."""
    sample: bool | None = None
    """Whether of these it holds one launch of each shape alone."""
    bytes: int | None = None
    """Size of the file; None in manifests of earlier versions."""
    sha256: str | None = None
    """Of the file, in hexadecimal digits."""

    @property
    def file(self) -> str | None:
        """Path in the capture, or None where nothing was left."""
        return self.report or self.trace


@dataclass(frozen=True, slots=True)
class CapturedCase:
    """What was run of one batch and length."""

    range_name: str | None = None
    implementations: Mapping[str, str] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    """Op -> why."""
    untested: list[str] = field(default_factory=list)
    tp: int | None = None
    ep: int | None = None


@dataclass(frozen=True, slots=True)
class ProfiledRegion:
    """Which part of another workload was profiled."""

    asked: str | None = None
    used: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What analysis reads of it; docs/capture.md describes every key."""

    schema_version: Annotated[int, Bounds(SCHEMA_VERSION, SCHEMA_VERSION)]
    state: str
    runs: list[Run]
    versions: Mapping[str, str | None]
    merge: list[list[str]] = field(default_factory=list)
    nsys: list[Run] = field(default_factory=list)
    cases: list[CapturedCase] = field(default_factory=list)
    created: str | None = None
    region: ProfiledRegion | None = None
    changes: list[str] = field(default_factory=list)
    """What was run in another way than planned, and why."""
    chip: str | None = None
    recipe: str | None = None
    packages: Mapping[str, str | None] = field(default_factory=dict)
    """In the file a part of `versions`."""


def _hint_of(folder: Path) -> str:
    """What to give in place of a folder that is no capture."""
    if reports := sum(1 for _ in folder.glob("*.ncu-rep")):
        return f"it holds {quantity(reports, '.ncu-rep file')}: give {'them' if reports > 1 else 'that'}"
    inside = {path.parents[depth] for depth, name in enumerate((MANIFEST, f"rank*/{MANIFEST}"))
              for path in folder.glob(f"*/{name}")}  # fmt: skip
    if not inside:
        return _HINT
    return f"it holds {'captures' if len(inside) > 1 else 'a capture'}: give {min(inside)}"


def read_manifest(folder: Path) -> Manifest:
    """Read a capture's manifest.

    Raises:
        ReportError: no manifest, a damaged one, or one that names a file outside of the capture.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        raise ReportError(f"{folder} is a directory without a {MANIFEST}", _hint_of(folder))
    data = read_json(path, _HINT)
    if data.get("schema_version") != SCHEMA_VERSION or "runs" not in data:
        raise ReportError(f"{path} is not a manifest of schema version {SCHEMA_VERSION}", "capture again")
    try:
        manifest = built(Manifest, _with_packages(data))
        for section, runs in (("runs", manifest.runs), ("nsys", manifest.nsys)):
            for number, run in enumerate(runs):
                for key, name in (("report", run.report), ("trace", run.trace)):
                    if name:
                        _check_inside(folder, name, f"{section}[{number}].{key}")
    except FieldError as error:
        raise ReportError(f"{path}: {error}", "copy the capture again, or capture again") from None
    return manifest


def _with_packages(data: Mapping[str, object]) -> dict[str, object]:
    """The manifest with the packages' versions taken out of the others, which are texts."""
    if "versions" not in data:
        return dict(data)
    versions = checked(Mapping[str, object], data["versions"] or {})
    packages = versions.get("packages") or {}
    others = {name: version for name, version in versions.items() if name != "packages"}
    # Sections that a version of this program writes as null are as good as absent.
    kept = {
        key: value
        for key, value in data.items()
        if value is not None or key not in ("merge", "nsys", "cases", "changes")
    }
    return {**kept, "versions": others, "packages": packages}


def _check_inside(folder: Path, name: str, key: str) -> None:
    """Refuse a path that leads out of the capture, by its words or by links.

    Raises:
        FieldError: naming the key.
    """
    path = PurePosixPath(name)
    expected = "a path inside the capture"
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise FieldError(f" = {name!r:.80}: expected {expected}", key)
    root, real = os.path.realpath(folder), os.path.realpath(folder / name)
    if os.path.commonpath([root, real]) != root or real == root:
        raise FieldError(f" = {name!r:.80} is a link that leads out: expected {expected}", key)
