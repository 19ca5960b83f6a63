"""One op's reason, and the facts that reasons are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from roofprof.hardware.roofline import Roofs
from roofprof.results.op import OpResult

ONE_KERNEL = 0.9
"""A kernel with this much of an op's time is the op."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One op's."""

    why: str
    """A few words with their number, `64 blocks on 132 SMs`."""
    attempt: str | None
    """What to try, a few words; None where nothing is left to win."""
    time_ns: float | None = None
    """The time that it stands for; None where the counters do not tell."""
    kind: str | None = None
    """The finding it is made of; None where it follows from the roofs alone."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reasons of one op are made of."""

    op: OpResult
    roofs: Roofs
    """The best known of the profiled GPU."""
    kernel_ns: Mapping[int, float]
    """ncu's durations of the op's kernels by launch id."""

    @property
    def longest_share(self) -> float:
        """Of the op's longest kernel in the time of all; 1 where it is unknown."""
        whole = sum(self.kernel_ns.values())
        return max(self.kernel_ns.values()) / whole if whole else 1.0

    def transfer_ns(self, count: float | None) -> float | None:
        """The time that some bytes take at the DRAM roof."""
        bandwidth = self.roofs.dram_bytes_per_s
        return None if count is None or not bandwidth else count / bandwidth * 1e9
