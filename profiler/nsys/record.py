"""What became of one nsys run."""

from dataclasses import dataclass
from typing import Any

from roofprof.profiler.run.state import State


@dataclass(frozen=True, slots=True)
class NsysRecord:
    """What became of one nsys run of one phase."""

    name: str
    """eager or graph."""
    phase: str
    """decode, prefill, or workload."""
    state: State
    trace: str | None = None
    """Path in the directory, or None where nothing usable came."""
    cause: str | None = None
    hint: str | None = None
    repeats: int | None = None
    """Calls of each op; None for another workload."""
    operations: int | None = None
    """Kernels, copies, sets and whole graphs in the trace."""
    left_out: int | None = None
    """Those that were not kept, because warm-up launched them."""
    nsys_version: str | None = None
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name, "phase": self.phase, "trace": self.trace, "repeats": self.repeats,
            "gpu_operations": self.operations, "gpu_operations_left_out": self.left_out,
            "state": self.state, "cause": self.cause, "wall_s": round(self.wall_s, 3),
            "nsys_version": self.nsys_version,
        }  # fmt: skip
