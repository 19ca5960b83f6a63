"""Idle time of a GPU, by what ended it. Never part of any kernel's time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.timeline.frames import Operations, slices
from roofprof.timeline.nesting import Booleans, Integers, runs
from roofprof.timeline.places import Places


@dataclass(frozen=True, slots=True)
class Gaps:
    """Idle stretches of the GPUs, one per operation that ended one."""

    position: Integers
    """The operation that ended the gap, as a row of the frame that was given."""
    before: Integers
    """The operation that ended last before it."""
    idle_ns: Integers
    launch_bound_ns: Integers
    """The same where the API call had not returned when the GPU ran dry, so that the CPU was late; else 0."""


def find_gaps(operations: Operations | pl.DataFrame, places: Places) -> Iterator[Gaps]:
    """Idle stretches of each place between one GPU operation and the next, those of some operations at a time.

    Args:
        operations: OPERATION_SCHEMA's columns.
        places: of the operations.
    """
    start, end = operations["start_ns"], operations["end_ns"]
    launches = _Launches(*(operations[c] for c in ("launch_end_ns", "global_pid", "correlation_id")))
    order = places.order
    last = np.empty(0, np.int64)
    for some in slices(operations.height):
        # What ended last so far stands for all that came before.
        rows = np.concatenate([last, np.arange(some.start, some.stop) if order is None else order[some]])
        here = places.number[rows]
        began, ended = (c.gather(rows).to_numpy() for c in (start, end))
        latest = _latest_end(here, ended)
        after = np.flatnonzero((here[1:] == here[:-1]) & (began[1:] > ended[latest[:-1]])) + 1
        before = latest[after - 1]
        dry = ended[before]
        idle = began[after] - dry
        position, earlier = rows[after], rows[before]
        last = rows[latest[-1:]]
        yield Gaps(position, earlier, idle, np.where(launches.late(position, earlier, dry), idle, 0))


def _latest_end(place: Integers, end: Integers) -> Integers:
    """Position of the operation that ends last among those up to here at the same place."""
    latest = np.arange(len(end))
    for _, low, high in runs(place):
        running = np.maximum.accumulate(end[low:high])
        latest[low:high][end[low:high] != running] = 0
        latest[low:high] = np.maximum.accumulate(latest[low:high])
    return latest


@dataclass(frozen=True, slots=True)
class _Launches:
    """The API calls of all operations."""

    end_ns: pl.Series
    process: pl.Series
    correlation: pl.Series

    def late(self, position: Integers, before: Integers, dry: Integers) -> Booleans:
        """Whether the launch was late: its call returned after the GPU ran dry, and launched nothing before.

        Nodes of one replayed graph share a call: a gap between them is the GPU's own.
        """
        late: Booleans = self.end_ns.gather(position).fill_null(-1).to_numpy() > dry
        one_call = np.ones(len(position), bool)
        for column in (self.process, self.correlation):
            one_call &= column.gather(position).eq_missing(column.gather(before)).to_numpy()
        return late & ~one_call
