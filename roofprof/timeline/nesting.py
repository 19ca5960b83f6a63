"""Which NVTX range encloses which, and which encloses a call: sorted sweeps, one per thread.

The rule is that of `nsys stats -r nvtx_gpu_proj_trace`: a range encloses what starts no earlier and ends no
later than itself on the same thread.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roofprof.formats.nsys import PROCESS_MASK

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

NO_RANGE = -1
MAX_DEPTH = 64
"""Ranges around a range that are told apart: paths of ranges that never close would grow with their square."""


@dataclass(frozen=True, slots=True)
class RangeForest:
    """Ranges sorted by thread and start, the enclosing one first; each knows its parent."""

    rows: Integers
    """Position in the frame that it was made from."""
    thread: Integers
    start: Integers
    end: Integers
    """Open ranges end with the last event of all ranges given."""
    parent: Integers
    """Position in this forest of the innermost enclosing range, or NO_RANGE."""
    crossing: int = 0
    """Ranges that start inside another one of their thread and end after it."""
    too_deep: int = 0
    """Ranges inside more than MAX_DEPTH others: their parent is the innermost of the first MAX_DEPTH."""

    def innermost(self, thread: Integers, start: Integers, end: Integers) -> Integers:
        """The innermost range around each call, as a position in this forest, or NO_RANGE.

        The candidate is the last range that started before the call. While it ended too early, its parent is
        the next candidate: every range between the two ended even earlier.
        """
        if not len(self.rows):
            return np.full(len(start), NO_RANGE, np.int64)
        found = self.last_started(thread, start)
        pending = np.flatnonzero((found != NO_RANGE) & (self.end[found] < end))
        while len(pending):
            found[pending] = self.parent[found[pending]]
            at = found[pending]
            pending = pending[(at != NO_RANGE) & (self.end[at] < end[pending])]
        return found

    def last_started(self, thread: Integers, start: Integers) -> Integers:
        """Position of the last range of each call's thread that starts no later than it."""
        found = np.full(len(start), NO_RANGE, np.int64)
        of_thread = {tid: (low, high) for tid, low, high in runs(self.thread)}
        order = np.argsort(thread, kind="stable")
        for tid, first, last in runs(thread[order]):
            low, high = of_thread.get(tid, (0, 0))
            calls = order[first:last]
            at = np.searchsorted(self.start[low:high], start[calls], side="right") - 1
            found[calls] = np.where(at < 0, NO_RANGE, low + at)
        return found


def runs(values: Integers) -> list[tuple[int, int, int]]:
    """(value, first, past the last) of each run of equal values."""
    if not len(values):
        return []
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    bounds = [0, *edges.tolist(), len(values)]
    return [(int(values[low]), low, high) for low, high in pairwise(bounds)]


def range_forest(ranges: pl.DataFrame, last_event_ns: int | None = None, process_wide: bool = False) -> RangeForest:
    """The forest of ranges (RANGE_SCHEMA) that start and end on one thread.

    Args:
        ranges: of one domain, or of all.
        last_event_ns: where open ranges end; None takes the last start or end of the ranges given.
        process_wide: take all ranges, and the threads of a process for one: `thread` is then the process.
    """
    own = ranges["end_global_tid"].is_null().to_numpy()
    rows = np.arange(ranges.height) if process_wide else np.flatnonzero(own)
    start = ranges["start_ns"].to_numpy()[rows]
    if last_event_ns is None:
        last_event_ns = last_event(ranges)
    end = ranges["end_ns"].fill_null(last_event_ns).to_numpy()[rows]
    thread = ranges["global_tid"].to_numpy()[rows]
    if process_wide:
        thread = thread & PROCESS_MASK
    # Of ranges with the same start the longer one encloses; of equal ones the first.
    order = np.lexsort((rows, -end, start, thread))
    rows, thread, start, end = rows[order], thread[order], start[order], end[order]
    parent, crossing, too_deep = _parents(thread, start, end)
    return RangeForest(rows, thread, start, end, parent, crossing, too_deep)


def last_event(ranges: pl.DataFrame) -> int:
    """The last start or end of any range; 0 without ranges."""
    times = [ranges["start_ns"].max(), ranges["end_ns"].max()]
    return max((t for t in times if isinstance(t, int)), default=0)


def _parents(thread: Integers, start: Integers, end: Integers) -> tuple[Integers, int, int]:
    """The nearest range before each, on its thread, that ends no earlier; how many cross another, or are too deep.

    Every range between one and its candidate ended before it; where the candidate did too, the candidate's own takes
    its place. All ranges go on at once, so that a row of siblings is passed in steps that double.
    """
    count = len(end)
    last_end = np.append(end, np.iinfo(np.int64).max)
    candidate = np.arange(-1, count)
    candidate[count] = count  # stands for no range
    candidate[:count][np.append(True, thread[1:] != thread[:-1])[:count]] = count
    crosses = np.zeros(count, np.bool_)
    pending = np.flatnonzero(last_end[candidate[:count]] < end)
    while len(pending):
        crosses[pending] |= last_end[candidate[pending]] > start[pending]
        candidate[pending] = candidate[candidate[pending]]
        pending = pending[last_end[candidate[pending]] < end[pending]]
    return _limited(candidate, int(crosses.sum()))


def _limited(parent: Integers, crossing: int) -> tuple[Integers, int, int]:
    """No range deeper than MAX_DEPTH; `parent` has a last element that stands for no range."""
    count = len(parent) - 1
    depth, ancestor = (parent != count).astype(np.int64), parent
    while (ancestor != count).any():
        depth, ancestor = depth + depth[ancestor], ancestor[ancestor]
    deep = np.flatnonzero(depth > MAX_DEPTH)
    while len(deep):
        parent[deep] = parent[parent[deep]]
        deep = deep[depth[parent[deep]] >= MAX_DEPTH]
    return np.where(parent[:count] == count, NO_RANGE, parent[:count]), crossing, int((depth >= MAX_DEPTH).sum())
