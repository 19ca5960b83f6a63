"""What each call of an op took on the GPU, and how long the GPU was idle for it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.timeline.frames import GRAPH, KERNEL, MEMORY, Operations, slices
from roofprof.timeline.gaps import Gaps, find_gaps
from roofprof.timeline.intervals import Groups, grouped, sorting, whole_groups
from roofprof.timeline.nesting import Booleans, Integers
from roofprof.timeline.op_calls import Attribution, PathNumbers, calls_round
from roofprof.timeline.places import Places

CALL_SCHEMA = pl.Schema(
    {
        "path": pl.Int64(),
        "replayed": pl.Boolean(),
        "place": pl.Int32(),
        "first_start_ns": pl.Int64(),
        "last_end_ns": pl.Int64(),
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

Column = Integers | PathNumbers | Booleans | pl.Series


@dataclass(frozen=True, slots=True)
class IdleTimes:
    """Idle time between operations, per place."""

    count: Integers
    longest_ns: Integers
    launch_bound_ns: Integers

    @classmethod
    def none(cls, place_count: int) -> "IdleTimes":
        """No gap yet."""
        return cls(*(np.zeros(place_count, np.int64) for _ in range(3)))

    def add(self, place: Integers, gaps: Gaps) -> None:
        """Count gaps at these places."""
        np.add.at(self.count, place, 1)
        np.maximum.at(self.longest_ns, place, gaps.idle_ns)
        np.add.at(self.launch_bound_ns, place, gaps.launch_bound_ns)


def call_times(
    operations: Operations | pl.DataFrame, attribution: Attribution, places: Places
) -> tuple[pl.DataFrame, IdleTimes]:
    """One row per call, CALL_SCHEMA, in the order of the first operation; and the idle time of each place."""
    key = attribution.key
    start, end, kind = (operations[c].to_numpy() for c in ("start_ns", "end_ns", "kind"))
    found = [
        own_times(key[rows], start[rows], end[rows], kind[rows]) for rows in whole_groups(key, sorting(key, start))
    ]
    found = found or [own_times(key[:0], start[:0], end[:0], kind[:0])]
    own = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    del found
    _add_nested(own, attribution, start, end)
    idle, of_places = _idle(operations, key, own["key"], places)
    return calls_frame(own, idle, attribution), of_places


def calls_frame(own: dict[str, Integers], idle: dict[str, Integers], attribution: Attribution) -> pl.DataFrame:
    """CALL_SCHEMA, in the order of the first operation; columns are taken out of `own`.

    Args:
        own: what `own_times` gives of every call, sorted by key.
        idle: `gap_before_ns` and `launch_bound_ns` of each.
        attribution: of the operations.
    """
    columns: dict[str, Column] = {
        "path": attribution.path_of(own["key"]),
        "replayed": attribution.replayed(own["key"]),
        "place": attribution.place_of(own["key"]),
        "first_start_ns": own["first"],
        "last_end_ns": own["last"],
        "projected_ns": own["last"] - own["first"],
        "gap_ns": own["last"] - own["first"] - own["busy_round_ns"],
    }
    columns |= {name: _unless(own["graph_count"] > 0, own[name]) for name in ("duration_ns", "union_ns")}
    columns |= {name: own[name] for name in CALL_SCHEMA if name in own and name not in columns}
    columns |= idle
    own.clear()
    frame = pl.DataFrame({name: columns[name] for name in CALL_SCHEMA}, schema=CALL_SCHEMA)
    del columns
    in_order = frame["first_start_ns"].is_sorted()
    return frame if in_order else frame.sort("first_start_ns", maintain_order=True)


def own_times(key: Integers, start: Integers, end: Integers, kind: Integers) -> dict[str, Integers]:
    """What the operations of each call took, without those of nested calls; all operations of the calls are given."""
    groups = grouped(key, start)
    busy = groups.union(start, end)
    return {
        "key": key[groups.order][groups.first],
        "first": groups.min(start),
        "last": groups.max(end),
        "busy_ns": busy,
        "busy_round_ns": busy,
        "graph_count": groups.total(kind == GRAPH),
        "kernel_count": groups.total(kind == KERNEL),
        "memory_operation_count": groups.total(kind == MEMORY),
        "duration_ns": groups.total(np.where(kind == KERNEL, end - start, 0)),
        "union_ns": _kernel_union(groups, busy, start, end, kind),
        "memory_duration_ns": groups.total(np.where(kind == MEMORY, end - start, 0)),
    }


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


def _add_nested(own: dict[str, Integers], attribution: Attribution, start: Integers, end: Integers) -> None:
    """Nested calls count in the span of the calls round them, and in the time in which something ran in it."""
    key = attribution.key
    outer, position = calls_round(attribution, key, own["key"])
    if not len(outer):
        return
    wide = np.zeros(len(own["key"]), bool)
    wide[np.searchsorted(own["key"], outer)] = True
    mine = _of_calls(key, own["key"][wide])
    outer, position = np.concatenate([key[mine], outer]), np.concatenate([mine, position])
    order = sorting(outer, start[position])
    found = []
    for rows in whole_groups(outer, order):
        at = position[rows]
        groups = grouped(outer[rows], start[at])
        found.append((groups.min(start[at]), groups.max(end[at]), groups.union(start[at], end[at])))
    for name, parts in zip(("first", "last", "busy_round_ns"), zip(*found, strict=True), strict=True):
        own[name] = own[name].copy()
        own[name][wide] = np.concatenate(parts)


def _of_calls(key: Integers, calls: Integers) -> Integers:
    """Positions of the operations of some calls, which are sorted."""
    found = [np.empty(0, np.int64)]
    for rows in slices(len(key)):
        part = key[rows]
        place = np.minimum(np.searchsorted(calls, part), len(calls) - 1)
        found.append(rows.start + np.flatnonzero(calls[place] == part))
    return np.concatenate(found)


def _idle(
    operations: Operations | pl.DataFrame, key: Integers, own: Integers, places: Places
) -> tuple[dict[str, Integers], IdleTimes]:
    """Idle time of the device that each call ended: before its first operation, and while waiting for a launch."""
    before, late = np.zeros(len(own), np.int64), np.zeros(len(own), np.int64)
    found = IdleTimes.none(len(places.known))
    for gaps in find_gaps(operations, places):
        found.add(places.number[gaps.position], gaps)
        here, earlier = key[gaps.position], key[gaps.before]
        known = here >= 0
        between = known & (here != earlier)
        call = np.searchsorted(own, here)
        np.add.at(before, call[between], gaps.idle_ns[between])
        np.add.at(late, call[known], gaps.launch_bound_ns[known])
    return {"gap_before_ns": before, "launch_bound_ns": late}, found
