"""What each call of an op took on the GPU, and how long the GPU was idle for it."""

import numpy as np
import polars as pl

from roofprof.timeline.frames import GRAPH, KERNEL, MEMORY, Operations
from roofprof.timeline.gaps import find_gaps
from roofprof.timeline.intervals import Groups, grouped
from roofprof.timeline.nesting import Booleans, Integers
from roofprof.timeline.op_calls import Attribution, calls_round

CALL_SCHEMA = pl.Schema(
    {
        "path": pl.Int64(),
        "replayed": pl.Boolean(),
        "first_start_ns": pl.Int64(),
        "kernel_count": pl.Int64(),
        "memory_operation_count": pl.Int64(),
        "duration_ns": pl.Int64(),  # null where a graph was traced as a whole
        "union_ns": pl.Int64(),
        "projected_ns": pl.Int64(),
        "busy_ns": pl.Int64(),  # union of every GPU operation of the call
        "memory_duration_ns": pl.Int64(),
        "gap_ns": pl.Int64(),  # idle within the projected span
        "gap_before_ns": pl.Int64(),  # idle of the device until the first operation
        "launch_bound_ns": pl.Int64(),  # the part of both in which the GPU waited for the CPU
    }
)
"""One row per call of an op."""

Column = Integers | Booleans | pl.Series


def call_times(operations: Operations | pl.DataFrame, attribution: Attribution) -> pl.DataFrame:
    """One row per call, CALL_SCHEMA, in the order of the first operation."""
    key = attribution.key
    start, end, kind = (operations[c].to_numpy() for c in ("start_ns", "end_ns", "kind"))
    if not (inside := key >= 0).all():
        key, start, end, kind = key[inside], start[inside], end[inside], kind[inside]
    groups = grouped(key, start)
    own = key[groups.order][groups.first]
    busy = groups.union(start, end)
    hidden = groups.total(kind == GRAPH) > 0
    columns: dict[str, Column] = {
        "path": attribution.path_of(own),
        "replayed": attribution.replayed(own),
        "kernel_count": groups.total(kind == KERNEL),
        "memory_operation_count": groups.total(kind == MEMORY),
        "duration_ns": _unless(hidden, groups.total(np.where(kind == KERNEL, end - start, 0))),
        "union_ns": _unless(hidden, _kernel_union(groups, busy, start, end, kind)),
        "busy_ns": busy,
        "memory_duration_ns": groups.total(np.where(kind == MEMORY, end - start, 0)),
    }
    columns |= _spans(attribution, key, start, end, groups, busy)
    del key, start, end, kind, groups
    columns |= _idle(operations, attribution.key, own)
    frame = pl.DataFrame({name: columns[name] for name in CALL_SCHEMA}, schema=CALL_SCHEMA)
    return frame.sort("first_start_ns", maintain_order=True)


def _unless(unknown: Booleans, values: Integers) -> pl.Series:
    series = pl.Series(values)
    return series.set(pl.Series(unknown), None) if unknown.any() else series


def _kernel_union(groups: Groups, busy: Integers, start: Integers, end: Integers, kind: Integers) -> Integers:
    """Union of each call's kernels: the busy time of the call, unless something else ran in it too."""
    other = groups.total(kind != KERNEL) > 0
    if not other.any():
        return busy
    mixed = groups.order[other[groups.number]]
    # An interval without length adds nothing to its call's union.
    length = np.where(kind[mixed] == KERNEL, end[mixed] - start[mixed], 0)
    numbers = groups.number[other[groups.number]]
    found = busy.copy()
    found[other] = grouped(numbers, start[mixed]).union(start[mixed], start[mixed] + length)
    return found


def _spans(
    attribution: Attribution, key: Integers, start: Integers, end: Integers, groups: Groups, busy: Integers
) -> dict[str, Integers]:
    """Projected span and the idle time in it, nested calls included."""
    outer, position = calls_round(attribution, key, key[groups.order][groups.first])
    if len(outer):
        key = np.concatenate([key, outer])
        start, end = np.concatenate([start, start[position]]), np.concatenate([end, end[position]])
        groups = grouped(key, start)
        busy = groups.union(start, end)
    first = groups.min(start)
    span = groups.max(end) - first
    return {"first_start_ns": first, "projected_ns": span, "gap_ns": span - busy}


def _idle(operations: Operations | pl.DataFrame, key: Integers, own: Integers) -> dict[str, Integers]:
    """Idle time of the device that each call ended: before its first operation, and while waiting for a launch."""
    gaps = find_gaps(operations)
    here, earlier = key[gaps.position], key[gaps.before]
    call = np.searchsorted(own, here)
    known = here >= 0
    between = known & (here != earlier)
    before = np.bincount(call[between], gaps.idle_ns[between], minlength=len(own)).astype(np.int64)
    late = np.bincount(call[known], gaps.launch_bound_ns[known], minlength=len(own)).astype(np.int64)
    return {"gap_before_ns": before[: len(own)], "launch_bound_ns": late[: len(own)]}
