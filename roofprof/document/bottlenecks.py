"""What holds a layer back, from its measured times: shares by bound on the profiled GPU and on the target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps, counted, sum_of, target_time_ns
from roofprof.results.op import OpResult

BOUNDS = ("memory", "compute", "latency", "communication")
DOMINANT = 0.5
"""A bound dominates where more than half of the time is its own."""


@dataclass(frozen=True, slots=True)
class OpShare:
    """An op and its part of the layer's time."""

    op: OpResult
    time_ns: float
    share: float


@dataclass(frozen=True, slots=True)
class BoundShare:
    """The ops of one bound."""

    bound: str
    time_ns: float
    share: float
    ops: tuple[OpShare, ...]
    """Longest first."""


@dataclass(frozen=True, slots=True)
class Bottlenecks:
    """One case."""

    case: CaseOps
    time_ns: float | None
    """Sum over the ops whose time and bound are known."""
    here: tuple[BoundShare, ...]
    """By the bound on the profiled GPU, largest first; bounds without an op are left out."""
    target_time_ns: float | None
    """Minimum time of the measured work by the target's roofs, summed over the ops."""
    target: tuple[BoundShare, ...]
    unplaced: tuple[OpResult, ...]
    """Ops whose time or bound is unknown: in no share."""
    headroom_ns: float | None
    """What running every op at the roof of the profiled GPU would save; an op above its roof saves nothing."""

    @property
    def dominant(self) -> str | None:
        """The bound of more than half of the time on the profiled GPU, or None."""
        return _dominant(self.here)

    @property
    def target_dominant(self) -> str | None:
        """The same of the target's minimum time."""
        return _dominant(self.target)


def bottlenecks(case: CaseOps) -> Bottlenecks:
    """Split a case's time by bound."""
    here = _shares(case.layer, lambda op: op.measured_on.bound, case.time_of)
    target = _shares(case.layer, lambda op: op.bound, lambda op: counted(op, target_time_ns(case.source, op)))
    placed = [share.op for bound in here for share in bound.ops]
    known = {id(op) for op in placed}
    return Bottlenecks(
        case=case,
        time_ns=sum_of(share.time_ns for share in here).value,
        here=here,
        target_time_ns=sum_of(share.time_ns for share in target).value,
        target=target,
        unplaced=tuple(op for op in case.layer if id(op) not in known),
        headroom_ns=sum_of(map(case.headroom_of, placed)).value,
    )


def _shares(
    ops: Sequence[OpResult], bound_of: Callable[[OpResult], str | None], time_of: Callable[[OpResult], float | None]
) -> tuple[BoundShare, ...]:
    known = [(op, bound, time) for op in ops if (bound := bound_of(op)) and (time := time_of(op)) is not None]
    whole = sum(time for _, _, time in known)
    if not whole:
        return ()
    shares = []
    for bound in BOUNDS:
        own = [OpShare(op, time, time / whole) for op, its, time in known if its == bound]
        if own:
            own.sort(key=lambda share: -share.time_ns)
            time = sum(share.time_ns for share in own)
            shares.append(BoundShare(bound, time, time / whole, tuple(own)))
    return tuple(sorted(shares, key=lambda share: -share.time_ns))


def _dominant(shares: Sequence[BoundShare]) -> str | None:
    return shares[0].bound if shares and shares[0].share > DOMINANT else None
