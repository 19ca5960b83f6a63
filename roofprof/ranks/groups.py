"""Which ranks a collective joins: with TP of 2 on 4 GPUs a rank waits for its neighbour, not for all."""

from collections.abc import Iterable, Sequence
from statistics import median

from roofprof.ranks.calls import Groups, OpCalls

MAX_SPREAD_NS, MAX_SPREAD_SHARE = 50e3, 0.1
"""Ends of one collective lie closer than the larger of both, the share being of its transfer: else they are not what
they are held for, or the clocks run apart. Four GPUs of one host showed up to 20 µs."""


def find_groups(ops: Iterable[OpCalls]) -> None:
    """Set the groups of each collective of a job: by the size that its formula says, else by its ends.

    Ranks of a group of known size are neighbours, as servers number TP ranks; every n-th where their ends say so. Of
    unknown size, the ranks between whose ends the distance is the same in all calls are a group, whatever the clocks
    show; all ranks are one where that gives no groups of one size.
    """
    for op in ops:
        if not op.together:
            continue
        ranks = sorted(op.ncu_ns)
        if op.group_size:
            blocks, strided = _neighbours(ranks, op.group_size), _strided(ranks, op.group_size)
            op.groups = strided if op.traced and not _fit(op, blocks) and _fit(op, strided) else blocks
        elif op.traced:
            op.groups = _by_ends(op, ranks)


def end_limit(transfers: Sequence[float]) -> float:
    """How far ends that coincide may lie apart, in ns, by the times of the transfers."""
    return max(MAX_SPREAD_NS, MAX_SPREAD_SHARE * median(transfers)) if transfers else MAX_SPREAD_NS


def _neighbours(ranks: Sequence[int], size: int) -> Groups:
    return _split(ranks, [rank // size for rank in ranks])


def _strided(ranks: Sequence[int], size: int) -> Groups:
    apart = max(1, (max(ranks) + 1) // size)
    return _split(ranks, [rank % apart for rank in ranks])


def _split(ranks: Sequence[int], numbers: Sequence[int]) -> Groups:
    found: dict[int, list[int]] = {}
    for rank, number in zip(ranks, numbers, strict=True):
        found.setdefault(number, []).append(rank)
    return tuple(map(tuple, found.values()))


def _by_ends(op: OpCalls, ranks: Sequence[int]) -> Groups:
    """Several groups of one size, of two ranks at least; none where there are no such."""
    limit = _limit(op)
    left = list(ranks)
    groups: list[tuple[int, ...]] = []
    while left:
        own = [rank for rank in left if _coincide(op, left[0], rank, limit)]
        groups.append(tuple(own))
        left = [rank for rank in left if rank not in own]
    sizes = {len(group) for group in groups}
    return tuple(groups) if len(groups) > 1 and len(sizes) == 1 and min(sizes) > 1 else ()


def _fit(op: OpCalls, groups: Groups) -> bool:
    limit = _limit(op)
    return all(_coincide(op, group[0], rank, limit) for group in groups for rank in group)


def _limit(op: OpCalls) -> float:
    return end_limit([min(known) for times in op.traced_times() if (known := [v for v in times.values() if v])])


def _coincide(op: OpCalls, a: int, b: int, limit: float) -> bool:
    """Whether the ends on two ranks are as far apart in one call as in another, so that clocks can explain it."""
    distances = [op.nsys[b][at].end_ns - op.nsys[a][at].end_ns for at in range(op.traced_count)]
    if not distances:
        return True
    middle = median(distances)
    return median(abs(ns - middle) for ns in distances) <= limit
