"""ranks.json: which ranks are whole in which run, as `capture --ranks` leaves it beside the ranks' folders."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from roofprof import __version__
from roofprof.files import Json
from roofprof.profiler.ranks.directory import read_manifest, runs_of
from roofprof.profiler.ranks.peers import STATUS
from roofprof.profiler.ranks.place import nccl_record, rank_folder
from roofprof.profiler.run.directory import CaptureDirectory
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import INTERRUPTED
from roofprof.profiler.run.state import State

SUMMARY = "ranks.json"
SCHEMA_VERSION = 1
KILLED = "it was killed"


@dataclass(frozen=True, slots=True)
class RankRun:
    """One run of every rank."""

    name: str
    """Of its files, such as decode-core-cold."""
    title: str
    count: int
    whole: tuple[int, ...]
    partial: tuple[int, ...]
    """Ranks with a file in which something is missing."""
    causes: dict[int, str] = field(default_factory=dict)
    """By rank, of those that are not whole."""
    wall_s: float = 0.0

    @property
    def missing(self) -> tuple[int, ...]:
        """Ranks without a file."""
        there = {*self.whole, *self.partial}
        return tuple(rank for rank in range(self.count) if rank not in there)

    @property
    def state(self) -> State:
        """Complete when every rank is whole."""
        if len(self.whole) == self.count:
            return "complete"
        return "partial" if self.whole or self.partial else "failed"

    @property
    def words(self) -> str:
        """Which ranks are whole."""
        if len(self.whole) == self.count:
            return f"all {self.count} ranks"
        if not self.whole:
            return f"no rank of {self.count} whole"
        return f"ranks {shown_ranks(self.whole)} of {self.count}"

    def as_dict(self) -> dict[str, Json]:
        """Plain data for JSON."""
        return {
            "name": self.name, "state": self.state, "whole": list(self.whole), "partial": list(self.partial),
            "missing": list(self.missing), "causes": {str(rank): why for rank, why in self.causes.items()},
            "wall_s": round(self.wall_s, 3),
        }  # fmt: skip


def shown_ranks(ranks: Iterable[int]) -> str:
    """`0, 1, 3`, and `0 to 5, 7` where three or more follow each other."""
    parts: list[str] = []
    for _, run in groupby(enumerate(sorted(ranks)), key=lambda pair: pair[1] - pair[0]):
        row = [rank for _, rank in run]
        parts += [f"{row[0]} to {row[-1]}"] if len(row) > 2 else [str(rank) for rank in row]
    return ", ".join(parts)


def read_run(folder: Path, job: Job, count: int, session: str, wall_s: float) -> RankRun:
    """What the ranks say of a run: their manifests, and their status where a rank left no row."""
    whole: list[int] = []
    partial: list[int] = []
    causes: dict[int, str] = {}
    for rank in range(count):
        row = _row(read_manifest(folder / rank_folder(rank)), job)
        state = row.get("state") if row else None
        if state == "complete":
            whole.append(rank)
            continue
        if state == "partial":
            partial.append(rank)
        causes[rank] = str(row.get("cause")) if row and row.get("cause") else _silent(folder, rank, job, session)
    return RankRun(job.stem, job.title, count, tuple(whole), tuple(partial), _told_apart(causes), wall_s)


def _told_apart(causes: dict[int, str]) -> dict[int, str]:
    """A rank that the launcher ended says no more than that it was interrupted; the one that it ended with says why."""
    killed = [rank for rank, cause in causes.items() if cause == KILLED]
    if not killed:
        return causes
    ended = f"ended with rank {killed[0]}, which was killed"
    return {rank: ended if cause.endswith(INTERRUPTED.message) else cause for rank, cause in causes.items()}


def _row(manifest: dict[str, Any], job: Job) -> dict[str, Any] | None:
    wanted = job.phase, job.name, job.facts.get("cache")
    rows = [row for row in runs_of(manifest) if (row.get("phase"), row.get("name"), row.get("cache")) == wanted]
    return rows[-1] if rows else None


def _silent(folder: Path, rank: int, job: Job, session: str) -> str:
    """Why a rank left no row."""
    try:
        told = json.loads((folder / STATUS / f"{rank_folder(rank)}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "it did not start"
    if not isinstance(told, dict) or told.get("session") != session or told.get("run") != job.stem:
        return "it did not start"
    if told.get("state") == "running":
        return KILLED
    return str(told.get("cause") or "it left nothing")


def write_summary(
    directory: CaptureDirectory, options: CaptureOptions, runs: Sequence[RankRun], planned: int, state: State
) -> None:
    """Replace ranks.json by a newer one."""
    data = {
        "schema_version": SCHEMA_VERSION,
        "roofprof": __version__,
        "state": state if len(runs) == planned else "partial" if state == "complete" else state,
        "workload": "command" if options.command else "layer",
        "launcher": "torchrun",
        "count": options.ranks,
        "tp": None if options.command else options.tp,
        "ep": None if options.command else options.ep,
        "nccl": nccl_record(),
        "planned_runs": planned,
        "runs": [run.as_dict() for run in runs],
    }
    directory.keep_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", SUMMARY)
