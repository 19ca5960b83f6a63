"""What became of one process of a profiler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roofprof.files import Json
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.state import State

if TYPE_CHECKING:
    from roofprof.profiler.run.backend import AnyBackend


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What a profiler left that is worth keeping."""

    file: str | None = None
    """Path in the capture's directory, or None where nothing usable came."""
    problem: Problem | None = None
    """What is missing of it."""
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What the manifest says of it."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What became of one job."""

    backend: "AnyBackend"
    job: Job
    kept: KeptFile = field(default_factory=KeptFile)
    problem: Problem | None = None
    wall_s: float = 0.0

    @property
    def state(self) -> State:
        """Failed without a file; partial where something is missing."""
        return "failed" if self.kept.file is None else "partial" if self.problem else "complete"

    @property
    def file(self) -> str | None:
        """Path in the capture's directory, or None where nothing usable came."""
        return self.kept.file

    @property
    def cause(self) -> str | None:
        """Why it is not complete."""
        return self.problem.message if self.problem else None

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        return self.problem.hint if self.problem else None

    def as_dict(self) -> dict[str, Json]:
        """Plain data for JSON: a row of the manifest."""
        return {
            "name": self.job.name, "phase": self.job.phase, self.backend.file_key: self.file,
            "sha256": None, "bytes": None, **self.job.facts, **self.backend.blank, **self.kept.facts,
            "state": self.state, "cause": self.cause, "wall_s": round(self.wall_s, 3),
        }  # fmt: skip
