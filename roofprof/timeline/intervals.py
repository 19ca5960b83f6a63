"""Sums and unions of intervals by group, on sorted arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.timeline.frames import slices
from roofprof.timeline.nesting import Booleans, Integers


@dataclass(frozen=True, slots=True)
class Groups:
    """Intervals sorted by group and start."""

    order: Integers
    """Positions in the arrays that they were made from."""
    first: Integers
    """Where each group begins in `order`."""
    number: Integers
    """The group's number of each interval, from 0, in `order`."""

    def total(self, values: Integers | Booleans) -> Integers:
        """Sum of each group; `values` in the order before sorting, true counting as 1."""
        return _reduce(np.add, values[self.order].astype(np.int64, copy=False), self.first)

    def min(self, values: Integers) -> Integers:
        """Minimum of each group."""
        return _reduce(np.minimum, values[self.order], self.first)

    def max(self, values: Integers) -> Integers:
        """Maximum of each group."""
        return _reduce(np.maximum, values[self.order], self.first)

    def union(self, start: Integers, end: Integers) -> Integers:
        """Time covered by at least one interval of each group."""
        start, end = start[self.order], end[self.order]
        covered = end - start
        same = self.number[1:] == self.number[:-1]
        if (same & (start[1:] < end[:-1])).any():
            frame = pl.DataFrame({"group": self.number, "end": end})
            latest = frame.select(pl.col("end").cum_max().over("group"))["end"].to_numpy()
            begin = start.copy()
            begin[1:] = np.where(same, np.maximum(start[1:], latest[:-1]), start[1:])
            covered = np.maximum(end - begin, 0)
        return _reduce(np.add, covered, self.first)


def grouped(key: Integers, start: Integers) -> Groups:
    """Groups of equal keys, in the order of key, each sorted by start."""
    order = sorting(key, start)
    if order is None:
        order = np.arange(len(key))
    sorted_key = key[order]
    changes = np.ones(len(key), bool)
    changes[1:] = sorted_key[1:] != sorted_key[:-1]
    return Groups(order, np.flatnonzero(changes), np.cumsum(changes) - 1)


def sorting(key: Integers, start: Integers) -> Integers | None:
    """Positions in the order of key, then of start; None where that is the order already."""
    return None if _in_order(key, start) else np.lexsort((start, key))


def whole_groups(key: Integers, order: Integers | None) -> Iterator[Integers]:
    """Positions in that order, some at a time, never a part of a group of equal keys; negative keys are left out."""
    low = int(np.searchsorted(key, 0, sorter=order))
    for some in slices(len(key)):
        if some.stop <= low:
            continue
        last = key[some.stop - 1 if order is None else order[some.stop - 1]]
        high = int(np.searchsorted(key, last, side="right", sorter=order))
        yield np.arange(low, high) if order is None else order[low:high]
        low = high


def _in_order(key: Integers, start: Integers) -> bool:
    same = key[1:] == key[:-1]
    return bool(((key[1:] > key[:-1]) | (same & (start[1:] >= start[:-1]))).all())


def _reduce(pick: np.ufunc, values: Integers, first: Integers) -> Integers:
    found: Integers = pick.reduceat(values, first) if len(first) else np.empty(0, np.int64)
    return found
