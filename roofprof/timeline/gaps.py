"""Idle time of a GPU, by what ended it. Never part of any kernel's time."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.timeline.frames import Operations
from roofprof.timeline.intervals import grouped
from roofprof.timeline.nesting import Booleans, Integers, runs


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


def find_gaps(operations: Operations | pl.DataFrame) -> Gaps:
    """Idle stretches of each device between one GPU operation and the next.

    Args:
        operations: OPERATION_SCHEMA's columns. Operations of several processes on one device count together.
    """
    device = operations["device_id"].fill_null(-1).to_numpy()
    start, end = operations["start_ns"].to_numpy(), operations["end_ns"].to_numpy()
    order = grouped(device, start).order
    device, start, end = device[order], start[order], end[order]
    latest = _latest_end(device, end)
    after = np.flatnonzero((device[1:] == device[:-1]) & (start[1:] > end[latest[:-1]])) + 1
    before = latest[after - 1]
    dry = end[before]
    idle = start[after] - dry
    position, before = order[after], order[before]
    return Gaps(position, before, idle, np.where(_late(operations, position, before, dry), idle, 0))


def _latest_end(device: Integers, end: Integers) -> Integers:
    """Position of the operation that ends last among those up to here on the same device."""
    latest = np.arange(len(end))
    for _, low, high in runs(device):
        running = np.maximum.accumulate(end[low:high])
        latest[low:high][end[low:high] != running] = 0
        latest[low:high] = np.maximum.accumulate(latest[low:high])
    return latest


def _late(operations: Operations | pl.DataFrame, position: Integers, before: Integers, dry: Integers) -> Booleans:
    """Whether the launch was late: its call returned after the GPU ran dry, and launched nothing before.

    Nodes of one replayed graph share a call: a gap between them is the GPU's own.
    """
    late: Booleans = operations["launch_end_ns"].gather(position).fill_null(-1).to_numpy() > dry
    one_call = np.ones(len(position), bool)
    for name in ("global_pid", "correlation_id"):
        column = operations[name].fill_null(-1).to_numpy()
        one_call &= column[position] == column[before]
    return late & ~one_call
