"""What a capture asks of a profiler: ncu and nsys are two, docs/extending/profiler.md adds a third."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from roofprof.files import Json
from roofprof.profiler.run.directory import CaptureDirectory
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.runner import Outcome
from roofprof.profiler.run.secrets import Secrets
from roofprof.profiler.run.tools import Tool
from roofprof.profiler.run.watch import ProgressCallback, RunWatch

if TYPE_CHECKING:
    from roofprof.profiler.run.options import CaptureOptions

MODULES: list[str] = ["roofprof.profiler.ncu.backend", "roofprof.profiler.nsys.backend"]
"""Each has a BACKEND. A capture runs them in this order."""
W = TypeVar("W", bound=RunWatch)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a profiler's processes are planned from."""

    options: "CaptureOptions"
    chip: str
    """Such as gh100: which counters there are."""
    program: str
    """The profiler's executable."""
    work: Path
    """Folder of raw files."""


@dataclass(frozen=True, slots=True)
class PlannedJobs:
    """The processes of one profiler in order, and what was left out."""

    jobs: tuple[Job, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotNeeded:
    """Why a planned job is left out."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """A job in another way, because it failed in the first one."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A job's place in its capture."""

    number: int
    count: int
    callback: ProgressCallback | None
    timeout_s: float | None
    earlier: tuple[RunRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where files are kept, and what must not be in them."""

    tool: Tool
    directory: CaptureDirectory
    secrets: Secrets
    options: "CaptureOptions"


def watch_as(kind: type[W], job: Job, turn: Turn) -> W:
    """A watch of this kind for a job; another workload than the layer has no progress file."""
    progress = job.raw(".progress") if job.layer else None
    return kind(job.title, turn.number, turn.count, turn.callback, progress, turn.timeout_s, workload=job.workload)


class Backend(Protocol[W]):
    """A profiler. Subclass it: what has a body here may be left as it is."""

    name: str
    """Also the folder of its files in a capture."""
    section: str
    """Key of its rows in the manifest."""
    file_key: str
    """Key of the kept file in such a row."""
    required: bool = False
    """Whether a capture is worth nothing without it."""
    blank: Mapping[str, Json] = MappingProxyType({})
    """What a row says of a job that left nothing."""

    def wanted(self, options: "CaptureOptions") -> bool:
        """Whether the options ask for it."""
        return True

    def find(self) -> Tool | None:
        """Its program on this machine."""

    def admit(self, tool: Tool | None) -> str | None:
        """A note on what is lost where the program is missing, or None.

        Raises:
            RoofprofError: no capture is possible here.
        """
        return None if tool else f"{self.name} was not found"

    def jobs(self, setting: Setting) -> PlannedJobs:
        """Every process in order, with its exact command line; touches nothing."""
        ...

    def settled(self, job: Job, setting: Setting, earlier: Sequence[RunRecord]) -> Job | NotNeeded:
        """The job as the records of earlier ones show that it has to be; asked right before it runs."""
        return job

    def again(self, job: Job, setting: Setting, record: RunRecord, earlier: Sequence[RunRecord]) -> Retry | None:
        """Another way to run a job that came to little, taken once."""
        return None

    def watch(self, job: Job, turn: Turn) -> W:
        """What follows a process while it runs: by default, the signs of life that any workload gives."""
        return watch_as(RunWatch, job, turn)  # type: ignore[return-value]

    def explain(self, job: Job, outcome: Outcome, watch: W) -> Problem | None:
        """What went wrong, or None where profiler and workload ended well."""

    def keep(self, job: Job, watch: W, keeper: Keeper) -> KeptFile:
        """Scrub what the process left and move it to its place.

        Raises:
            RoofprofError: what it left is not usable.
            OSError: it cannot be written.
        """
        ...

    def summary(self, record: RunRecord) -> str:
        """What came of a job, in some words."""
        return record.file or "nothing"

    def total(self, jobs: tuple[Job, ...]) -> str:
        """The last line of a dry run."""
        return f"{len(jobs)} {self.name} run{'s' if len(jobs) != 1 else ''}"


AnyBackend: TypeAlias = Backend[Any]
"""One of those that are loaded by name: what it watches with is its own affair."""


def backends() -> tuple[AnyBackend, ...]:
    """The profilers in the order in which a capture runs them."""
    return tuple(_load(name) for name in MODULES)


@cache
def _load(name: str) -> AnyBackend:
    found: AnyBackend = import_module(name).BACKEND
    return found
