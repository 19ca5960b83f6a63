"""What is carried from one part of a trace to the next: sums by key, and where intervals reach over."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from roofprof.timeline.intervals import grouped
from roofprof.timeline.nesting import Integers

_FEW = 1 << 18


class Sums:
    """Rows of several parts, those of one key added up; no more are held than twice as many as there are keys."""

    def __init__(self, key: Sequence[str], added: Sequence[pl.Expr]) -> None:
        self._key, self._added = list(key), list(added)
        self._parts: list[pl.DataFrame] = []
        self._held = self._known = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Add the rows of a part."""
        if rows.height or not self._parts:
            self._parts.append(rows)
            self._held += rows.height
        if self._held > max(_FEW, 2 * self._known):
            self.total()

    def total(self) -> pl.DataFrame:
        """One row per key, in the order of the first row of each."""
        rows = pl.concat(self._parts)
        rows = rows.group_by(self._key, maintain_order=True).agg(self._added).select(rows.columns)
        self._parts, self._held, self._known = [rows], rows.height, rows.height
        return rows


class Reach:
    """How far intervals of earlier parts reach into the coming one, by group.

    What a group covers in all is what it covers in each part, without what earlier parts covered: parts follow each
    other by start, so that an interval which reaches into a part covers it from its beginning.
    """

    def __init__(self) -> None:
        self._keys: Integers = np.empty(0, np.int64)
        self._latest: Integers = np.empty(0, np.int64)

    def added(self, groups: Integers, union: Integers, key: Integers, start: Integers, end: Integers) -> Integers:
        """The union of each group in this part, without what earlier ones covered.

        Args:
            groups: sorted.
            union: of each, as if there were no earlier part.
            key: group of each interval.
            start: of each, ns.
            end: of each, ns.
        """
        if not len(self._keys) or not len(key):
            return union
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        rows = np.flatnonzero(self._keys[at] == key)
        if not len(rows):
            return union
        begin = np.maximum(start[rows], self._latest[at[rows]])
        stop = np.maximum(end[rows], begin)
        again = grouped(key[rows], begin)
        union = union.copy()
        union[np.searchsorted(groups, key[rows][again.order][again.first])] = again.union(begin, stop)
        return union

    def go_on(self, key: Integers, end: Integers, boundary: int) -> None:
        """Go on to the next part, in which nothing starts before `boundary`, after intervals of this one."""
        held, late = self._latest > boundary, end > boundary
        keys = np.concatenate([self._keys[held], key[late]])
        latest = np.concatenate([self._latest[held], end[late]])
        order = np.lexsort((latest, keys))
        keys, latest = keys[order], latest[order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
        self._keys, self._latest = keys[last], latest[last]

    def union(self, key: Integers, start: Integers, end: Integers, boundary: int) -> tuple[Integers, Integers]:
        """Groups of a part and what each of them adds to its union; then goes on."""
        groups = grouped(key, start)
        names = key[groups.order][groups.first]
        found = self.added(names, groups.union(start, end), key, start, end)
        self.go_on(key, end, boundary)
        return names, found
