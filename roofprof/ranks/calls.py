"""The calls of one op over the ranks of a job, matched by ordinal, and which of them the op's row is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Number = float | None
Groups = tuple[tuple[int, ...], ...]


class NsysCall(NamedTuple):
    """One call on one rank, by the clock of that rank's trace."""

    start_ns: int
    end_ns: int
    union_ns: Number
    duration_ns: Number
    projected_ns: Number


@dataclass(slots=True)
class OpCalls:
    """One op of a job."""

    collective: bool = False
    """Whether all its kernels move data between GPUs."""
    together: bool = False
    """Whether it is a collective that ends on all ranks at once."""
    ncu_ns: dict[int, list[Number]] = field(default_factory=dict)
    """By rank, ncu's time of each call."""
    sent_bytes: dict[int, list[Number]] = field(default_factory=dict)
    nsys: dict[int, list[NsysCall]] = field(default_factory=dict)
    """By rank; a rank without a trace is not there."""
    group_size: int | None = None
    """Ranks that a collective joins, by its formula."""
    groups: Groups = ()
    """The ranks that wait for each other, where not all of them do: `groups.find_groups` sets them."""
    alike: bool = False
    """Whether it is a collective in which all ranks send as many bytes."""

    @property
    def joined(self) -> Groups:
        """The ranks that wait for each other."""
        return self.groups or (tuple(sorted(self.ncu_ns)),)

    @property
    def traced(self) -> bool:
        """Whether every rank that ran it has nsys' times of it."""
        return bool(self.ncu_ns) and all(self.nsys.get(rank) for rank in self.ncu_ns)

    @property
    def evenly_traced(self) -> bool:
        """Whether all ranks' traces have as many calls."""
        return len({len(calls) for calls in self.nsys.values()}) == 1

    @property
    def traced_count(self) -> int:
        """Calls that every rank has in its trace."""
        return min(len(self.nsys[rank]) for rank in self.ncu_ns) if self.traced else 0

    def traced_times(self) -> list[dict[int, Number]]:
        """Of each call, the union of its kernels by rank."""
        return [{rank: self.nsys[rank][at].union_ns for rank in self.ncu_ns} for at in range(self.traced_count)]

    @property
    def picked_traced(self) -> int | None:
        """The traced call whose slowest rank is the median; None without traces."""
        return _middle([_largest(times.values()) for times in self.traced_times()]) if self.traced else None

    @property
    def picked(self) -> int:
        """The call under ncu: the traced one where both ran as many, else the one whose slowest rank is the median.

        Of collectives without a trace the one with the median bytes sent: ncu's times of them mean nothing.
        """
        counts = {len(times) for times in self.ncu_ns.values()}
        traced = self.picked_traced
        if traced is not None and counts == {self.traced_count}:
            return traced
        for values in (self.ncu_ns, self.sent_bytes):
            if (middle := _middle(list(_slowest(values, min(counts))))) is not None:
                return middle
        return 0


def _slowest(values: Mapping[int, Sequence[Number]], count: int) -> Iterator[Number]:
    for at in range(count):
        yield _largest(own[at] for own in values.values())


def _largest(values: Iterable[Number]) -> Number:
    """The largest, unknown where one is."""
    found = list(values)
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else None


def _middle(values: Sequence[Number]) -> int | None:
    """Position of the median, the lower one of two; None where nothing is known."""
    known = sorted((value, at) for at, value in enumerate(values) if value is not None)
    return known[(len(known) - 1) // 2][1] if known else None
