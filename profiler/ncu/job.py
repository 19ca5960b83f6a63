"""One ncu process to run."""

from dataclasses import dataclass
from pathlib import Path

from roofprof.profiler.ncu.plan import PlannedRun


@dataclass(frozen=True, slots=True)
class Job:
    """One ncu process to run."""

    phase: str
    run: PlannedRun
    command: tuple[str, ...]
    ncu_args: tuple[str, ...]
    """Its options as the manifest records them."""
    work: Path
    """Path of its raw files, without their endings."""

    @property
    def stem(self) -> str:
        """Name of its files."""
        return self.work.name

    def raw(self, ending: str) -> Path:
        """One of its raw files."""
        return self.work.with_name(self.work.name + ending)
