"""A rank's folder: a capture that is filled run by run, each by a process of its own, with one manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roofprof.files import Json
from roofprof.profiler.ranks.backend import row_key
from roofprof.profiler.ranks.place import RankPlace, nccl_record
from roofprof.profiler.run.backend import backends
from roofprof.profiler.run.directory import MANIFEST, CaptureDirectory, claim_directory

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RankDirectory(CaptureDirectory):
    """Adds each run to the manifest of those before."""

    place: RankPlace
    planned: int
    """Runs in all."""
    earlier: Manifest
    """The manifest as the last run left it; empty before the first."""

    def write_manifest(self, manifest: Mapping[str, Json]) -> None:
        """Write the runs so far, those of earlier processes included."""
        merged = merged_manifest(self.earlier, manifest, self.planned)
        # Not super(): a dataclass with slots is another class than the one that this is written in.
        CaptureDirectory.write_manifest(self, {**merged, "rank": self.place.as_dict(), "nccl": nccl_record()})


def claim_rank(folder: Path, place: RankPlace, planned: int, fresh: bool) -> RankDirectory:
    """Make a rank's folder this process's own.

    Args:
        folder: the capture's directory, which all ranks share.
        planned: runs in all.
        fresh: remove what an earlier capture left in it.

    Raises:
        UsageError, RoofprofError: see `claim_directory`.
    """
    path = folder / place.folder
    earlier = {} if fresh else read_manifest(path)
    names = {backend.name for backend in backends()}
    made = claim_directory(path, fresh, names, keep=not fresh)
    return RankDirectory(made.path, made.created, made.lock, place, planned, earlier)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in a folder; empty where there is none that can be read."""
    try:
        found = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def runs_of(manifest: Manifest) -> list[dict[str, Any]]:
    """Every run of a manifest, whichever profiler's."""
    return [row for backend in backends() for row in manifest.get(backend.section) or () if isinstance(row, dict)]


def merged_manifest(earlier: Manifest, new: Manifest, planned: int) -> dict[str, Any]:
    """Both: rows by run, the newer one in place of an older of the same run, facts from whichever has them."""
    merged = {**earlier, **new}
    told = new if new.get("gpu") or not earlier.get("gpu") else earlier
    for key in ("gpu", "nvtx_domain", "recipe"):
        merged[key] = told.get(key)
    merged["cases"] = _cases(earlier.get("cases") or (), new.get("cases") or ())
    older = earlier.get("versions") or {}
    merged["versions"] = older | {k: v for k, v in (new.get("versions") or {}).items() if v or k not in older}
    merged["notes"] = list(dict.fromkeys([*(earlier.get("notes") or ()), *(new.get("notes") or ())]))
    for backend in backends():
        rows = new.get(backend.section) or ()
        done = {row_key(row) for row in rows}
        merged[backend.section] = [r for r in earlier.get(backend.section) or () if row_key(r) not in done] + [*rows]
    merged["merge"] = _merge(merged)
    runs = runs_of(merged)
    whole = len(runs) == planned and all(row.get("state") == "complete" for row in runs)
    any_file = any(row.get("state") != "failed" for row in runs)
    merged["state"] = "complete" if whole else "partial" if any_file else "failed"
    return merged


def _cases(earlier: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Of each phase the cases that ran, else those that were asked for."""
    found: dict[str, list[Any]] = {}
    for cases in (earlier, new):
        for phase in dict.fromkeys(case["phase"] for case in cases):
            rows = [case for case in cases if case["phase"] == phase]
            if phase not in found or any("implementations" in case for case in rows):
                found[phase] = rows
    return [case for rows in found.values() for case in rows]


def _merge(manifest: Manifest) -> list[list[str]]:
    """Reports of the same launches, of one phase and cache mode: core first, for its launches are those that count."""
    groups: dict[tuple[Any, Any], list[str]] = {}
    for row in sorted(manifest.get("runs") or (), key=lambda row: row.get("name") != "core"):
        if row.get("report"):
            groups.setdefault((row.get("phase"), row.get("cache")), []).append(row["report"])
    return list(groups.values())
