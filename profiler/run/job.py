"""One process of a profiler that a capture runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.files import Json

WORKLOAD = "workload"
"""The one phase of another workload than the layer."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process of a profiler to run."""

    phase: str
    """decode, prefill, or workload."""
    name: str
    """Of the run within its phase, such as core or eager."""
    title: str
    """As progress and results show it."""
    command: tuple[str, ...]
    work: Path
    """Path of its raw files, without their endings."""
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What the manifest says of it beyond phase and name."""
    heading: str = ""
    """First line of what a dry run prints of it."""
    details: tuple[str, ...] = ()
    """Further lines."""
    workload: tuple[str, ...] = ()
    """The words of `command` that are the workload's, where its own process is to be known."""
    merge: str | None = None
    """Reports of jobs with the same word describe the same launches, and are to be merged."""

    @property
    def layer(self) -> bool:
        """Whether it runs the layer, and not another workload."""
        return self.phase != WORKLOAD

    @property
    def stem(self) -> str:
        """Name of its files."""
        return self.work.name

    def raw(self, ending: str) -> Path:
        """One of its raw files."""
        return self.work.with_name(self.work.name + ending)
