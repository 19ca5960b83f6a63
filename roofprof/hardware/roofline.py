"""The roofline: attainable = min(peak, AI x bandwidth), for work of mixed precision. Pure functions.

Williams, Waterman, Patterson, CACM 2009; time form as in Yang, Kurth, Williams, CCPE 2020.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from roofprof.hardware.devices import DeviceSpec

LATENCY_THRESHOLD = 0.6
"""Below this fraction of both roofs a kernel is called latency-bound. It is the figure under which Nsight
Compute's own Speed-of-Light rule speaks of latency issues (60 % of peak on both sides)."""

_CUDA_CORE_PIPES = ("fp32", "fp16")  # one set of lanes: their times add


class Bound(StrEnum):
    """What holds an op back."""

    MEMORY = "memory"
    COMPUTE = "compute"
    LATENCY = "latency"
    COMMUNICATION = "communication"


@dataclass(frozen=True, slots=True)
class Roofs:
    """The ceilings that work is placed under."""

    peak_flop_per_s: Mapping[str, float]
    """Dense peaks by pipe."""
    dram_bytes_per_s: float | None
    mufu_per_s: float | None = None

    @classmethod
    def of(cls, spec: DeviceSpec) -> "Roofs":
        """The datasheet's roofs."""
        return cls(spec.peak_flop_per_s, spec.dram_bytes_per_s, spec.mufu_per_s)

    def attainable_flop_per_s(self, arithmetic_intensity: float, pipe: str) -> float | None:
        """min(peak, AI x bandwidth) of work in one precision; None where a roof is unknown.

        Args:
            arithmetic_intensity: FLOP per DRAM byte.
            pipe: one of `PIPES`, such as tensor_fp8.
        """
        peak = self.peak_flop_per_s.get(pipe)
        if peak is None or self.dram_bytes_per_s is None:
            return None
        return min(peak, arithmetic_intensity * self.dram_bytes_per_s)

    def place(self, flop_by_pipe: Mapping[str, float | None], dram_bytes: float | None) -> "RooflinePoint":
        """Where some work stands under these roofs: see `place`."""
        return place(flop_by_pipe, dram_bytes, self)


@dataclass(frozen=True, slots=True)
class RooflinePoint:
    """Where work stands under one set of roofs. None where an input is unknown."""

    bound: Bound | None
    ridge_point: float | None
    """AI at which compute time equals memory time for this mix of pipes."""
    attainable_flop_per_s: float | None
    bound_time_s: float | None
    """The minimum time that the work can take: max over pipes and memory."""
    missing_peaks: tuple[str, ...] = ()
    """Pipes with work for which no peak is known; their time is left out."""


UNPLACED = RooflinePoint(None, None, None, None)
"""Of work, bytes or roofs that are unknown."""


def known_flop_count(flop_by_pipe: Mapping[str, float | None]) -> float | None:
    """The sum over the pipes that were counted.

    A sum of 0 stands only where CUDA-core instructions were among them: else nobody looked, and it is unknown.
    """
    total = sum(count for count in flop_by_pipe.values() if count is not None)
    return total if total or flop_by_pipe.get("fp32") is not None else None


def compute_time_s(flop_by_pipe: Mapping[str, float | None], mufu_count: float | None, roofs: Roofs) -> float:
    """Minimum time of the arithmetic: tensor precisions add, fp32 and fp16 add, the pipes overlap."""
    peaks = roofs.peak_flop_per_s

    def time(pipe: str) -> float:
        count = flop_by_pipe.get(pipe)
        return count / peaks[pipe] if count and pipe in peaks else 0.0

    tensor = sum(time(pipe) for pipe in flop_by_pipe if pipe.startswith("tensor_"))
    cuda_cores = sum(time(pipe) for pipe in _CUDA_CORE_PIPES)
    mufu = mufu_count / roofs.mufu_per_s if mufu_count and roofs.mufu_per_s else 0.0
    return max(tensor, cuda_cores, time("fp64"), mufu)


def place(
    flop_by_pipe: Mapping[str, float | None],
    dram_bytes: float | None,
    roofs: Roofs,
    mufu_count: float | None = None,
) -> RooflinePoint:
    """Place work under the roofs.

    Args:
        flop_by_pipe: FLOPs by pipe; None where not measured.
        dram_bytes: bytes to and from DRAM, or None.
        roofs: peaks and bandwidth.
        mufu_count: special-function results, or None.
    """
    flop_count = known_flop_count(flop_by_pipe)
    missing = tuple(p for p, c in flop_by_pipe.items() if c and p not in roofs.peak_flop_per_s)
    unplaceable = bool(missing) and all(not c or p in missing for p, c in flop_by_pipe.items())
    if flop_count is None or dram_bytes is None or roofs.dram_bytes_per_s is None or unplaceable:
        return RooflinePoint(None, None, None, None, missing)
    compute = compute_time_s(flop_by_pipe, mufu_count, roofs)
    memory = dram_bytes / roofs.dram_bytes_per_s
    bound_time = max(compute, memory)
    bound = Bound.COMPUTE if compute > memory else Bound.MEMORY
    # The effective peak of this mix; for work in one precision it is that precision's peak.
    ridge = flop_count / compute / roofs.dram_bytes_per_s if compute else None
    attainable = flop_count / bound_time if bound_time else None
    return RooflinePoint(bound, ridge, attainable, bound_time, missing)


def with_link(point: RooflinePoint, link_bytes: float | None, link_bytes_per_s: float | None) -> RooflinePoint:
    """The point of work that also sends bytes to other GPUs: its least time is at least theirs over the link.

    Args:
        point: of the work on this GPU; `UNPLACED` where that is unknown, as of collectives whose sums nobody counted.
        link_bytes: sent by this GPU; None of work that does not communicate, or whose bytes nobody counted.
        link_bytes_per_s: each way.
    """
    if not link_bytes or not link_bytes_per_s:
        return point
    time_s = link_bytes / link_bytes_per_s
    if point.bound_time_s is not None and point.bound_time_s > time_s:
        return point
    attainable = None
    if point.attainable_flop_per_s is not None and point.bound_time_s is not None:
        attainable = point.attainable_flop_per_s * point.bound_time_s / time_s
    return replace(point, bound=Bound.COMMUNICATION, attainable_flop_per_s=attainable, bound_time_s=time_s)


def measured_bound(bound: Bound | None, bound_time_s: float | None, duration_s: float | None) -> Bound | None:
    """The bound of a kernel that ran: latency where it reaches neither roof by `LATENCY_THRESHOLD`.

    What communicates stays so: what it lacks is mostly its wait for others, which is told apart.
    """
    if bound is None or bound is Bound.COMMUNICATION or not duration_s or bound_time_s is None:
        return bound
    return Bound.LATENCY if bound_time_s / duration_s < LATENCY_THRESHOLD else bound
