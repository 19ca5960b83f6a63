"""What there is to read below the served folders: found by name and manifest, without reading a report."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.files import open_regular, read_text
from roofprof.formats.capture import TRACE_SUFFIXES, is_parquet_export
from roofprof.formats.manifest import MANIFEST, CapturedCase, read_manifest
from roofprof.formatting import printable
from roofprof.formulas.range_names import CASE_FORMULA, RangeNameError, parse_range_name
from roofprof.mcp.answers import Kind, Listed, Listing
from roofprof.mcp.folders import Folders
from roofprof.pipeline.rank_folders import is_of_ranks, rank_folders
from roofprof.results.op import case_words

MAX_ENTRIES = 100_000
"""Files and folders that are looked at."""
MAX_JSON_BYTES = 4 << 20
"""Of a saved analysis that is looked into; a larger one takes too long for a list."""
_HEAD_BYTES = 4096
"""At the start of report.json its tool is named."""
_TOOL = b'"tool": {"name": "roofprof"'
_CAPTURE = b'"roofprof"'
"""At the start of a manifest, as many programs have a manifest.json."""


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    kind: Kind
    modified: float | None
    size_bytes: int | None


@dataclass(slots=True)
class _Walk:
    """One look through the folders."""

    folders: Folders
    entries: int = 0

    def found(self) -> Iterator[_Found]:
        """Every input; links are left out, for what they lead to stands elsewhere or is not served."""
        seen: set[Path] = set()
        for folder in self.folders.folders:
            for here, names, files in os.walk(folder.root):
                path = Path(here)
                self.entries += len(names) + len(files)
                if self.entries > MAX_ENTRIES:
                    return
                if path in seen:  # a served folder may lie in another one
                    names.clear()
                    continue
                seen.add(path)
                if kind := _kind_of_folder(path, files):
                    names.clear()
                    yield _Found(path, kind, _modified(path / MANIFEST if kind == "capture" else path), None)
                    continue
                names[:] = sorted(name for name in names if not name.startswith("."))
                yield from filter(None, (_file(path / name) for name in files))


def list_reports(folders: Folders, contains: str, top: int) -> Listing:
    """Everything that can be read, newest first.

    Args:
        folders: where to look.
        contains: keep paths that hold this text.
        top: how many at most.
    """
    walk = _Walk(folders)
    wanted = contains.lower()
    found = [item for item in walk.found() if wanted in folders.shown(item.path).lower()]
    found.sort(key=lambda item: (-(item.modified or 0.0), str(item.path)))
    return Listing(
        folders=[folder.label for folder in folders.folders],
        reports=[_listed(folders, item) for item in found[:top]],
        left_out=max(0, len(found) - top),
        complete=walk.entries <= MAX_ENTRIES,
    )


def listing_text(listing: Listing) -> str:
    """A line for each."""
    lines = []
    for item in listing.reports:
        parts = (item.kind, item.gpu, "; ".join(item.cases or ()), item.modified, item.problem)
        lines.append(printable(f"{item.path}: {', '.join(part for part in parts if part)}"))
    if listing.left_out:
        lines.append(f"and {listing.left_out} more: narrow with contains, or raise top")
    if not listing.complete:
        lines.append("the folders hold too many files to look through: serve smaller ones")
    return "\n".join(lines) or "no capture, report or trace in the served folders"


def _kind_of_folder(path: Path, files: list[str]) -> Kind | None:
    if MANIFEST in files and _begins_with(path / MANIFEST, _CAPTURE):
        return "capture"
    if is_of_ranks(path):
        return "ranks"
    if any(name.endswith(".parquet") for name in files) and is_parquet_export(path):
        return "nsys_trace"
    return None


def _file(path: Path) -> _Found | None:
    """A file that is an input, by its name; of JSON by its beginning, for many programs write that."""
    kind: Kind
    suffix = path.suffix.lower()
    if path.name.startswith(".") or path.is_symlink() or not path.is_file():
        return None
    if suffix == ".ncu-rep":
        kind = "ncu_report"
    elif suffix in TRACE_SUFFIXES:
        kind = "nsys_trace"
    elif path.name.endswith("all_kernels.csv"):
        kind = "all_kernels"
    elif suffix == ".json" and _begins_with(path, _TOOL):
        kind = "saved"
    else:
        return None
    try:
        state = path.stat()
    except OSError:
        return None
    return _Found(path, kind, state.st_mtime, state.st_size)


def _begins_with(path: Path, words: bytes) -> bool:
    """Whether the beginning of a regular file, that is no link, holds these."""
    try:
        if path.is_symlink():
            return False
        with open_regular(path) as file:
            return words in file.read(_HEAD_BYTES)
    except (OSError, RoofprofError):
        return False


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _listed(folders: Folders, item: _Found) -> Listed:
    gpu: str | None = None
    cases: list[str] | None = None
    problem: str | None = None
    try:
        folders.stamp(item.path)  # too large, or with a link that leads out: said here and not when it is asked for
        if item.kind in ("capture", "ranks"):
            first = item.path if item.kind == "capture" else min(rank_folders(item.path).items())[1]
            gpu, cases = _of_capture(first)
        elif item.kind == "saved" and (item.size_bytes or 0) <= MAX_JSON_BYTES:
            gpu, cases = _of_saved(item.path)
        elif item.path.suffix.lower() == ".nsys-rep":
            problem = "an .nsys-rep is read after nsys export -t sqlite"
    except RoofprofError as error:
        problem = folders.hidden(error.message)
    return Listed(
        path=folders.shown(item.path),
        kind=item.kind,
        modified=_utc(item.modified),
        size_bytes=item.size_bytes,
        gpu=gpu,
        cases=cases,
        problem=problem,
    )


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_capture(folder: Path) -> tuple[str | None, list[str] | None]:
    """GPU and cases by a manifest."""
    manifest = read_manifest(folder)
    cases = [words for case in manifest.cases if (words := _case(case))]
    return manifest.versions.get("gpu"), list(dict.fromkeys(cases)) or None


def _case(case: CapturedCase) -> str | None:
    try:
        name = parse_range_name(case.range_name or "")
    except RangeNameError:
        return None
    sizes = [name.shape.get(letter) for letter in "bs"]
    batch, length = (size if isinstance(size, int) else None for size in sizes)
    return case_words(name.op, batch, length, None) if name.formula == CASE_FORMULA else None


def _of_saved(path: Path) -> tuple[str | None, list[str] | None]:
    """GPU and cases by a saved analysis, of which nothing else is checked."""
    try:
        data = json.loads(read_text(path, None, MAX_JSON_BYTES))
        cases = [case_words(op["phase"], op["batch"], op["seq_len"], op["cache"]) for op in data["ops"]]
        return str(data["gpu"]["name"]), list(dict.fromkeys(filter(None, cases))) or None
    except (ValueError, LookupError, TypeError, RecursionError):
        raise RoofprofError(f"{path} is a damaged analysis") from None
