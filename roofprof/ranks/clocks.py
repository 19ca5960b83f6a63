"""The ranks' clocks, aligned on the ends of collectives: what each rank waited, and the critical path over all."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from roofprof.ranks.calls import Number, OpCalls
from roofprof.ranks.groups import MAX_SPREAD_NS, end_limit
from roofprof.ranks.idle import Work
from roofprof.results.op_groups import RankCall

LATE_SHARE = 0.05
"""Of the transfer: kernels of ranks that came at the same time differ by less."""
APART_OF_LIMIT = 2.0
"""Ends of one call may lie apart by so many times what the median call's may."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """How far each rank's clock is ahead of the first one's."""

    offset_ns: Mapping[int, float]
    """Of ranks that no collective joins with the first, ahead of the first of those that are joined with them."""
    spread_ns: float
    """Median distance of an end from where the offsets put it, of all calls or of the op where it is largest."""
    call_count: int
    """Calls of collectives that they are from."""
    aligned: bool
    joined: frozenset[int] = frozenset()
    """The ranks that collectives join with the first, whichever way round: those on one clock."""
    limit_ns: float = MAX_SPREAD_NS
    """How far apart ends may lie."""


def align_clocks(ops: Iterable[OpCalls]) -> Clocks | None:
    """Clocks by the calls that end at once on all ranks of a group; None where no rank or no such call was traced.

    Args:
        ops: of one job.
    """
    known = [op for op in ops if op.together and op.traced and len(op.ncu_ns) > 1]
    # Where a rank has a call more, numbers pair other calls: the ops without such a one tell the clocks.
    known = [op for op in known if op.evenly_traced] or known
    if not known:
        return None
    ahead = _distances(known)
    offsets: dict[int, float] = {}
    apart = [0.0]
    joined = frozenset[int]()
    for first in sorted(ahead):
        if first not in offsets:
            reached, own = _offsets_from(first, ahead)
            offsets |= reached
            apart += own
            joined = joined or frozenset(reached)
    transfers = [ns for op in known for ns in _transfers(op)]
    limit, spread = end_limit(transfers), max(apart)
    return Clocks(offsets, spread, len(transfers), bool(transfers) and spread <= limit, joined, limit)


_Distances = dict[int, dict[int, list[list[float]]]]
"""How far a rank's ends are behind another's: by that other one and the rank, of each op, of each call."""


def _distances(ops: Iterable[OpCalls]) -> _Distances:
    """From the first rank of each group to the others, and back."""
    ahead: _Distances = {}
    for op in ops:
        for first, *others in op.joined:
            for rank in others if op.traced_count else ():
                pairs = zip(op.nsys[rank], op.nsys[first], strict=False)
                distances = [float(call.end_ns - before.end_ns) for call, before in pairs][: op.traced_count]
                ahead.setdefault(first, {}).setdefault(rank, []).append(distances)
                ahead.setdefault(rank, {}).setdefault(first, []).append([-ns for ns in distances])
    return ahead


def _transfers(op: OpCalls) -> Iterator[float]:
    """The shortest time of each call in each group: that of the rank that waited for none."""
    for group in op.joined:
        for times in op.traced_times() if len(group) > 1 else ():
            known = [ns for rank in group if (ns := times[rank]) is not None]
            if len(known) == len(group):
                yield min(known)


def _offsets_from(first: int, ahead: _Distances) -> tuple[dict[int, float], list[float]]:
    """The offsets of all ranks that can be reached from a first one, and how far ends lie from each of them.

    The ends of every op count: where those of one say something else than the rest, one of both is of other ranks.
    """
    offsets = {first: 0.0}
    apart: list[float] = []
    reached = [first]
    for rank in reached:  # grows on the way
        for other, by_op in ahead[rank].items():
            if other in offsets:
                continue
            distances = [ns for own in by_op for ns in own]
            middle = median(distances)
            offsets[other] = offsets[rank] + middle
            reached.append(other)
            apart.append(median(abs(ns - middle) for ns in distances))
            apart += [abs(median(own) - middle) for own in by_op]
    return offsets, apart


def rank_calls(
    op: OpCalls, count: int, clocks: Clocks | None, work: Mapping[int, Work] | None = None
) -> list[RankCall]:
    """Wait and straggler of each traced call of a collective; unknown where ends do not coincide.

    A rank's time less the least of all ranks that the collective joins is what it waited: all end at once, the last
    to come waits for none. Of several groups it is the one with the slowest rank.

    Args:
        op: a collective.
        count: ranks of the job, missing ones included.
        clocks: of the job.
        work: of the job's ranks; None leaves their idle time unknown.
    """
    found = []
    for at, times in enumerate(op.traced_times()):
        wait, late, idle = _waited(op, at, times, clocks, work)
        durations = [times.get(rank) for rank in range(count)]
        found.append(
            RankCall(call=at, wait_ns=wait, straggler_rank=late, straggler_idle_ns=idle, duration_ns=durations)
        )
    return found


def _waited(
    op: OpCalls, at: int, times: Mapping[int, Number], clocks: Clocks | None, work: Mapping[int, Work] | None
) -> tuple[float | None, int | None, float | None]:
    """Of one call the wait, the straggler, and how much longer that one's GPU stood idle; None for what is unknown."""
    known = {rank: ns for rank, ns in times.items() if ns is not None}
    if not (op.together and clocks and clocks.aligned and len(known) == len(times) > 1):
        return None, None, None
    slowest = max(known, key=lambda rank: known[rank])
    group = next(group for group in op.joined if slowest in group)
    if len(group) == 1 or _ends_apart(op, at, group, clocks) > APART_OF_LIMIT * clocks.limit_ns:
        return None, None, None
    last = min(group, key=lambda rank: known[rank])
    wait = known[slowest] - known[last]
    if wait < max(LATE_SHARE * known[last], clocks.spread_ns):
        return wait, None, None
    return wait, last, None if work is None else _more_idle(op, at, last, slowest, work)


def _more_idle(op: OpCalls, at: int, late: int, early: int, work: Mapping[int, Work]) -> float | None:
    idle, others = (work[rank].idle_before(op.nsys[rank][at].start_ns) for rank in (late, early))
    return None if idle is None or others is None else max(0.0, idle - others)


def _ends_apart(op: OpCalls, at: int, group: Sequence[int], clocks: Clocks) -> float:
    ends = [op.nsys[rank][at].end_ns - clocks.offset_ns[rank] for rank in group]
    return max(ends) - min(ends)


def critical_path(ops: Mapping[Hashable, OpCalls], clocks: Clocks | None) -> dict[Hashable, float]:
    """Each op's part of the critical path, median over its calls, in ns; empty where clocks are not aligned.

    A call ends where its latest rank does; its part is the time since the call before it, of any op, ended so.
    """
    if clocks is None or not clocks.aligned:
        return {}
    ends: list[tuple[float, float, Hashable]] = []
    for key, op in ops.items():
        ranks = [rank for rank in op.ncu_ns if rank in clocks.joined]
        if not op.traced or len(ranks) < len(op.ncu_ns):
            continue
        for at in range(op.traced_count):
            calls = [(op.nsys[rank][at], clocks.offset_ns[rank]) for rank in ranks]
            last = max(call.end_ns - offset for call, offset in calls)
            ends.append((last, min(call.start_ns - offset for call, offset in calls), key))
    ends.sort(key=lambda entry: entry[:2])
    parts: dict[Hashable, list[float]] = {}
    before = ends[0][1] if ends else 0.0
    for last, _, key in ends:
        parts.setdefault(key, []).append(max(0.0, last - before))
        before = last
    return {key: median(found) for key, found in parts.items()}
