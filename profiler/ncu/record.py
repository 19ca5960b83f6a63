"""What became of one ncu run."""

from dataclasses import dataclass
from typing import Any

from roofprof.profiler.ncu.plan import PlannedRun
from roofprof.profiler.run.state import State


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What became of one planned run of one phase."""

    phase: str
    """decode, prefill, or workload."""
    planned: PlannedRun
    ncu_args: tuple[str, ...]
    state: State
    report: str | None = None
    """Path in the directory, or None where nothing usable came."""
    cause: str | None = None
    hint: str | None = None
    launches: int = 0
    passes: tuple[int, ...] = ()
    """Passes that the launches took, each value once."""
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        run = self.planned
        return {
            "name": run.name, "phase": self.phase, "cache": run.cache, "report": self.report,
            "groups": list(run.groups), "metrics": list(run.metrics), "expected_passes": run.expected_passes,
            "passes": list(self.passes), "launches": self.launches, "ncu_args": list(self.ncu_args),
            "state": self.state, "cause": self.cause, "wall_s": round(self.wall_s, 3),
        }  # fmt: skip
