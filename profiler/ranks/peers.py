"""How ranks learn of each other's end: each writes one small file of its own in a folder that all share."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.profiler.ranks.place import RankPlace, rank_folder
from roofprof.profiler.run.watch import RunWatch

STATUS = ".ranks"
"""Folder of the ranks' status in a capture's directory."""
LOOK_S = 1.0
_MAX_TEXT = 4096


@dataclass(slots=True)
class Peers:
    """This rank's status file, and those of the others."""

    folder: Path
    """The capture's directory, which all ranks share."""
    place: RankPlace
    run: str = ""
    """The run at hand."""
    _began_ns: int = 0
    """By the clock of the file system that all share."""
    _looked: float = 0.0

    def begin(self, run: str) -> None:
        """Tell that a run begins.

        Raises:
            OSError: the shared folder cannot be written.
        """
        self.run = run
        self._write("running")
        self._began_ns = self._path(self.place.rank).stat().st_mtime_ns

    def end(self, state: str, cause: str | None = None) -> None:
        """Tell how it ended."""
        self._write(state, cause)

    def failed(self) -> tuple[int, str] | None:
        """A rank that failed in this run, and why; looked up once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return None
        self._looked = now
        return self.look()

    def look(self) -> tuple[int, str] | None:
        """The same, now."""
        for rank in range(self.place.count):
            if rank != self.place.rank and (cause := self._failure(rank)) is not None:
                return rank, cause
        return None

    def _failure(self, rank: int) -> str | None:
        path = self._path(rank)
        try:
            told = json.loads(path.read_text(encoding="utf-8")[:_MAX_TEXT])
            changed_ns = path.stat().st_mtime_ns
        except (OSError, ValueError):
            return None
        if not isinstance(told, dict) or told.get("run") != self.run or told.get("state") != "failed":
            return None
        session = session_name()
        # What an earlier start of the launcher left behind says nothing.
        ours = told.get("session") == session if session else changed_ns >= self._began_ns
        return str(told.get("cause") or "it gave no cause") if ours else None

    def _path(self, rank: int) -> Path:
        return self.folder / STATUS / f"{rank_folder(rank)}.json"

    def _write(self, state: str, cause: str | None = None) -> None:
        path = self._path(self.place.rank)
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"run": self.run, "state": state, "cause": cause, "session": session_name()}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(told) + "\n", encoding="utf-8")
        os.replace(partial, path)


def session_name(environment: Mapping[str, str] | None = None) -> str | None:
    """What tells one start of the launcher from another, or None where nothing does."""
    env = os.environ if environment is None else environment
    if name := env.get("ROOFPROF_SESSION"):
        return name
    if job := env.get("SLURM_JOB_ID"):
        return f"{job}.{env.get('SLURM_STEP_ID', '')}"
    return None


@dataclass(slots=True)
class PeerWatch:
    """A profiler's own watch, and beside it the deadline and the other ranks."""

    inner: RunWatch
    peers: Peers
    deadline_s: float
    started: float = field(default_factory=time.monotonic)
    late: bool = False
    """Whether the deadline ended the run."""
    failed: tuple[int, str] | None = None
    """The rank whose failure ended it, and the cause."""

    @property
    def messages(self) -> list[str]:
        """The profiler's lines."""
        return self.inner.messages

    @property
    def output(self) -> str:
        """The workload's lines."""
        return self.inner.output

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        self.inner.feed(text)

    def finish(self) -> None:
        """Take note that there will be no more."""
        self.inner.finish()

    def look(self, root: int) -> None:
        """Look at the processes."""
        self.inner.look(root)

    def busy(self) -> None:
        """Take note of CPU time."""
        self.inner.busy()

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands."""
        self.inner.say(what, output)

    def hung(self) -> bool:
        """Whether the run is to be ended: no progress, over its deadline, or without one of its ranks."""
        self.failed = self.failed or self.peers.failed()
        self.late = self.late or time.monotonic() - self.started > self.deadline_s
        return self.failed is not None or self.late or self.inner.hung()
