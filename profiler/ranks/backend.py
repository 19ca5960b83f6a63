"""A profiler on one of several ranks: its own self, ended with the others and at the deadline."""

from typing import Any

from roofprof.files import Json
from roofprof.profiler.ranks.peers import Peers, PeerWatch
from roofprof.profiler.run.backend import AnyBackend, Backend, Keeper, PlannedJobs, Setting, Turn
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.problems import INTERRUPTED, Problem
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.runner import Ending, Outcome
from roofprof.profiler.run.tools import Tool


class RankBackend(Backend[Any]):
    """Hands everything on to the profiler's own backend but the watch, and why it was ended."""

    required = True  # a rank runs one profiler at a time: without its file there is nothing

    def __init__(self, inner: AnyBackend, peers: Peers, deadline_s: float) -> None:
        self._inner, self._peers, self._deadline_s = inner, peers, deadline_s
        self.name, self.section, self.file_key, self.blank = inner.name, inner.section, inner.file_key, inner.blank

    def find(self) -> Tool | None:
        """Its program."""
        return self._inner.find()

    def jobs(self, setting: Setting) -> PlannedJobs:
        """Its processes."""
        return self._inner.jobs(setting)

    def watch(self, job: Job, turn: Turn) -> PeerWatch:  # not a RunWatch: it has one
        """Its watch, with the deadline and the other ranks."""
        return PeerWatch(self._inner.watch(job, turn), self._peers, self._deadline_s)

    def explain(self, job: Job, outcome: Outcome, watch: PeerWatch) -> Problem | None:
        """Why this rank ended: another's failure and the deadline before what they led to."""
        ended = outcome.ending in (Ending.HUNG, Ending.INTERRUPTED) or outcome.returncode != 0
        failed = watch.failed or (self._peers.look() if ended else None)
        if failed:
            rank, cause = failed
            return Problem(f"ended with rank {rank}, which failed: {cause}", fatal=True)
        if watch.late:
            hint = "a rank may be missing, or waits for one that does something else; allow more with --deadline"
            return Problem(f"not done after {self._deadline_s:.0f} s", hint, fatal=True)
        if outcome.ending is Ending.INTERRUPTED:
            return INTERRUPTED
        return self._inner.explain(job, outcome, watch.inner)

    def keep(self, job: Job, watch: PeerWatch, keeper: Keeper) -> KeptFile:
        """Scrub and keep what came."""
        return self._inner.keep(job, watch.inner, keeper)

    def summary(self, record: RunRecord) -> str:
        """What came of a job."""
        return self._inner.summary(record)


def row_key(row: "dict[str, Json]") -> tuple[Json, ...]:
    """What makes two rows of a manifest the same run."""
    return row.get("phase"), row.get("name"), row.get("cache")
