"""What holds a layer back, from its measured times: shares by bound on the GPU that ran and on the target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofprof.document.cases import Case, target_time_ns, total
from roofprof.results.op import OpResult

BOUNDS = ("memory", "compute", "latency")
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

    case: Case
    time_ns: float | None
    """Sum over the ops whose time and bound are known."""
    here: tuple[BoundShare, ...]
    """By the bound on the GPU that ran, largest first; a bound without an op is absent."""
    target_time_ns: float | None
    """Least time of the measured work by the target's roofs, summed over the ops."""
    target: tuple[BoundShare, ...]
    unplaced: tuple[OpResult, ...]
    """Ops whose time or bound is unknown: in no share."""
    headroom_ns: float | None
    """What running every op at the roof of the GPU that ran would save."""

    @property
    def dominant(self) -> str | None:
        """The bound of more than half of the time on the GPU that ran, or None."""
        return _dominant(self.here)

    @property
    def target_dominant(self) -> str | None:
        """The same of the target's least time."""
        return _dominant(self.target)


def bottlenecks(case: Case) -> Bottlenecks:
    """Split a case's time by bound."""
    here = _shares(case.ops, lambda op: op.measured_on.bound, lambda op: op.time_ns)
    target = _shares(case.ops, lambda op: op.bound, lambda op: target_time_ns(case.source, op))
    placed = [share.op for bound in here for share in bound.ops]
    known = {id(op) for op in placed}
    return Bottlenecks(
        case=case,
        time_ns=total(share.time_ns for share in here),
        here=here,
        target_time_ns=total(share.time_ns for share in target),
        target=target,
        unplaced=tuple(op for op in case.ops if id(op) not in known),
        headroom_ns=total(op.headroom_ns for op in placed),
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
