"""A change of time as the product of three: more work, more bytes, and how near to the roof it ran.

With t(w, b) the minimum time of some work and bytes under the roofs of one GPU and t_A, t_B the measured times,

    t_B / t_A = [t(w_B, b_A) / t(w_A, b_A)] x [t(w_B, b_B) / t(w_B, b_A)] x [(t_B / t(w_B, b_B)) / (t_A / t(w_A, b_A))]

so the factors multiply back exactly. Both sides are held against A's roofs, so that another GPU shows as efficiency.
"""

from dataclasses import dataclass

from roofprof.hardware.roofline import Roofs, place
from roofprof.results.op import OpResult


@dataclass(frozen=True, slots=True)
class Factors:
    """Of a ratio of times; 1 is no change."""

    work: float
    bytes: float
    efficiency: float


def factors_of(a: OpResult, b: OpResult, roofs: Roofs) -> Factors | None:
    """Split the change; None where a time, a count or a roof is unknown or 0."""
    if not a.time_ns or not b.time_ns:
        return None
    old, mixed, new = (_least(work, traffic, roofs) for work, traffic in ((a, a), (b, a), (b, b)))
    if not old or not mixed or not new:
        return None
    return Factors(mixed / old, new / mixed, (b.time_ns / new) / (a.time_ns / old))


def _least(work: OpResult, traffic: OpResult, roofs: Roofs) -> float | None:
    point = place(work.flop_by_pipe, traffic.dram_bytes, roofs, work.mufu_count)
    return None if point.missing_peaks else point.bound_time_s
