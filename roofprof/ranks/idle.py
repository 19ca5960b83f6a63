"""Why a rank came last to a collective: its GPU had more to do than the others', or stood idle for want of launches."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import isnan, nan

from roofprof.ranks.calls import NsysCall, OpCalls


@dataclass(frozen=True, slots=True)
class Work:
    """What one rank's GPU did, by the clock of its trace."""

    starts_ns: tuple[int, ...]
    """Of the calls of all ops, in order."""
    busy_ns: tuple[float, ...]
    """Busy time of the calls before each of them, and of all; not a number from the first unknown one on."""
    met_ns: tuple[int, ...]
    """Ends of the collectives that all their ranks leave at once, in order."""

    def idle_before(self, start_ns: int) -> float | None:
        """How long the GPU stood idle from the collective before to a start; None without one, or where unknown.

        What ran in no range counts as idle.
        """
        at = bisect_right(self.met_ns, start_ns)
        if not at:
            return None
        since = self.met_ns[at - 1]
        first, last = bisect_left(self.starts_ns, since), bisect_left(self.starts_ns, start_ns)
        busy = self.busy_ns[last] - self.busy_ns[first]
        return None if isnan(busy) else max(0.0, start_ns - since - busy)


def work_of_ranks(ops: Iterable[OpCalls]) -> dict[int, Work]:
    """Every traced rank's, from the ops of one job."""
    calls: dict[int, list[NsysCall]] = {}
    met: dict[int, list[int]] = {}
    for op in ops:
        for rank, own in op.nsys.items():
            calls.setdefault(rank, []).extend(own)
            if op.together:
                met.setdefault(rank, []).extend(call.end_ns for call in own)
    found = {}
    for rank, own in calls.items():
        own.sort(key=lambda call: call.start_ns)
        busy = accumulate((nan if call.union_ns is None else call.union_ns for call in own), initial=0.0)
        found[rank] = Work(tuple(call.start_ns for call in own), tuple(busy), tuple(sorted(met.get(rank, ()))))
    return found
