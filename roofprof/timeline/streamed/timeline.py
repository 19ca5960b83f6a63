"""The timeline of a trace that is read part by part: what `build_timeline` gives, but for a row per kernel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl

from roofprof.launches.attribution import require_domain
from roofprof.timeline.devices import DeviceTimes, add_copies, communication_kernels, copy_counts, copy_rows, rows_of
from roofprof.timeline.doubts import Outside, Seen, doubts_of, late_starts, other_forests
from roofprof.timeline.frames import GRAPH, KERNEL, MEMORY, NsysTrace, Operations
from roofprof.timeline.kernels import ADDED, KERNEL_KEY, MEMORY_KEY, kernel_rows_of, memory_rows_of, sums
from roofprof.timeline.nesting import Booleans, Integers, RangeForest
from roofprof.timeline.op_calls import Attribution, forests_of, keys_of, replays_of
from roofprof.timeline.op_names import Layers, read_key
from roofprof.timeline.op_rows import Details, RowNumbers, medians
from roofprof.timeline.places import Covered, Places, covered, find_places, places_of
from roofprof.timeline.rows import OpRow, UnattributedCounts
from roofprof.timeline.streamed.calls import CallSums
from roofprof.timeline.streamed.kernels import KernelSums
from roofprof.timeline.streamed.source import StreamedTrace
from roofprof.timeline.streamed.sums import Reach, Sums
from roofprof.timeline.timeline import (
    Timeline,
    empty_trace,
    kernel_paths,
    layer_totals,
    op_rows,
    outside_counts,
    with_rows,
)


def stream_timeline(
    trace: StreamedTrace, domain: str | None = None, layers: Layers = "folded", kernels_outside_only: bool = True
) -> tuple[Timeline, list[OpRow]]:
    """The timeline of a trace, and its kernels as rows; `Timeline.kernels` is empty.

    Args:
        trace: its parts are read once.
        domain: NVTX domain of the ops; None chooses (`require_domain`).
        layers: calls in different layers are one op's, or each layer has its own.
        kernels_outside_only: rows are of the kernels outside any range, or of all.

    Raises:
        ReportError: the trace holds no GPU operation; with what nsys says of it.
        UsageError: the domain is not there, or must be chosen.
    """
    if not trace.operation_count:
        raise empty_trace(trace.findings, trace.source)
    chosen = require_domain(trace.ranges["domain"].unique().to_list(), domain)
    calls = _Attributing(trace, chosen)
    nowhere = Places(calls.none.key, calls.known, None)
    numbers = RowNumbers.of(calls.none.paths, nowhere, lambda path: read_key(path, chosen, layers))
    found = _Parts(trace, calls, numbers, kernels_outside_only, other_forests(trace.ranges, chosen))
    for part in trace.parts():
        found.add(part)
    return found.timeline(chosen, layers)


class _Attributing:
    """Finds the call of each operation of a part."""

    def __init__(self, trace: StreamedTrace, domain: str | None) -> None:
        self._place_keys = trace.place_keys
        self.known = places_of(trace.place_keys)
        self._forests, names = forests_of(trace.ranges, domain)
        forest, paths, path = self._forests.joined(names)
        self._replay = {pair: number for number, pair in enumerate(zip(*trace.replays.tolist(), strict=True), 1)}
        nothing = np.empty(0, np.int64)
        self.none = Attribution(nothing, paths, path, forest, len(self.known), len(self._replay) + 1)

    def of(self, operations: Operations) -> tuple[Attribution, Places]:
        """The calls and the places of operations."""
        places = find_places(operations, self._place_keys)
        replay = np.zeros(operations.height, np.int64)
        if self._replay:
            rows, pairs, number = replays_of(operations)
            replay[rows] = np.array([self._replay[p, c] for p, c in pairs.T.tolist()], np.int64)[number]
        none = self.none
        key, *counts = keys_of(operations, self._forests, places, replay, none.replay_count)
        return replace(none, key=key, crossed_calls=counts[0], from_other_threads=counts[1]), places


@dataclass(slots=True)
class _Counts:
    """Operations that findings are about, added up."""

    late: int = 0
    crossed: int = 0
    from_other_threads: int = 0
    outside: int = 0


class _Parts:
    """What all parts of a trace come to."""

    def __init__(
        self,
        trace: StreamedTrace,
        calls: _Attributing,
        numbers: RowNumbers,
        outside_only: bool,
        others: Mapping[str, Callable[[], RangeForest]],
    ) -> None:
        self._trace, self._attributing, self._numbers = trace, calls, numbers
        self._others = {name: cache(forest) for name, forest in others.items()}
        self._calls = CallSums(len(calls.known))
        self._kernel_rows = KernelSums(calls.known, outside_only)
        self._kernels, self._memory = Sums(["owner", *KERNEL_KEY], ADDED), Sums(["owner", *MEMORY_KEY], ADDED)
        self._unions = Sums(["row"], [pl.col("union_ns").sum()])
        self._reach = Reach()
        self._copies: pl.DataFrame | None = None
        self._times: dict[str, Covered] = {}
        self._counts = _Counts()
        self._other_counts = dict.fromkeys(others, 0)
        self._worked = np.zeros(len(calls.none.forest.rows), bool)
        self._outside: UnattributedCounts | None = None

    def add(self, part: NsysTrace) -> None:
        """Add a part."""
        operations = Operations(part)
        start, end = operations["start_ns"].to_numpy(), operations["end_ns"].to_numpy()
        boundary = int(start.max())
        attribution, places = self._attributing.of(operations)
        self._calls.add(operations, attribution, places, boundary)
        path = attribution.path_of(attribution.key)
        owner = self._numbers.of_operations(attribution, path)
        count, memory_count = part.kernels.height, part.memory_operations.height
        self._kernels.add(_counted(sums(part.kernels, KERNEL_KEY, owner[:count])))
        self._memory.add(_counted(sums(part.memory_operations, MEMORY_KEY, owner[count : count + memory_count])))
        row, union = self._reach.union(owner.astype(np.int64), start, end, boundary)
        self._unions.add(pl.DataFrame({"row": row, "union_ns": union}))
        paths = kernel_paths(self._numbers.first_paths()[path[:count]], attribution, places)
        self._kernel_rows.add(part.kernels, paths, boundary)
        self._cover(part, operations, attribution.key >= 0, places, start, end)
        self._count(operations, attribution)
        counts = outside_counts(operations, path)
        self._outside = counts if self._outside is None else _added(self._outside, counts)

    def _cover(
        self, part: NsysTrace, operations: Operations, inside: Booleans, places: Places, start: Integers, end: Integers
    ) -> None:
        """Add to what the operations of each kind cover."""
        kind = operations["kind"].to_numpy()
        communicates = np.zeros(len(kind), bool)
        communicates[: part.kernels.height] = communication_kernels(part.kernels)
        chosen = {
            "busy": np.ones(len(kind), bool),
            "kernels": kind == KERNEL,
            "compute": (kind == KERNEL) & ~communicates,
            "communication": communicates,
            "attributed": inside,
            "memory": kind == MEMORY,
            "graphs": kind == GRAPH,
        }
        for name, which in chosen.items():
            if name not in self._times or which.any():
                rows = None if which.all() else which
                self._times[name] = covered(places, start, end, rows, self._times.get(name))
        memory = part.memory_operations
        low = part.kernels.height
        copies = copy_counts(memory, places.number[low : low + memory.height])
        self._copies = copies if self._copies is None else add_copies(pl.concat([self._copies, copies]))

    def _count(self, operations: Operations, attribution: Attribution) -> None:
        """Add to what findings are about."""
        self._counts.late += late_starts(operations)
        self._counts.crossed += attribution.crossed_calls
        self._counts.from_other_threads += attribution.from_other_threads
        outside = Outside.of(operations, attribution.key, self._others)
        self._counts.outside += outside.count
        for name, count in outside.by_domain.items():
            self._other_counts[name] += count
        self._worked |= attribution.with_work()

    def timeline(self, domain: str | None, layers: Layers) -> tuple[Timeline, list[OpRow]]:
        """The timeline, and the rows of kernels."""
        trace, numbers, none = self._trace, self._numbers, self._attributing.none
        assert self._copies is not None, "a trace with operations has a part"
        assert self._outside is not None, "and so has this"
        devices = rows_of(DeviceTimes(**self._times), copy_rows(self._copies), self._calls.idle, numbers.places)
        details = Details(
            kernel_rows_of(self._kernels.total(), trace.shapes, numbers.place_of),
            memory_rows_of(self._memory.total(), numbers.place_of),
        )
        calls = self._calls.frame(none)
        rows = medians(calls, numbers)
        overlapping = set(rows.filter("overlapping")["row"].to_list())
        exact = {row: union for row, union in self._unions.total().iter_rows() if row in overlapping}
        timeline = Timeline(
            domain=domain,
            calls=calls,
            ops=tuple(op_rows(rows, exact, numbers, none.paths, devices, details)),
            devices=devices,
            layer=layer_totals(calls),
            unattributed=with_rows(self._outside, details, len(numbers.places)),
            paths=tuple(none.paths),
            kernels=_NO_KERNELS,
            findings=(*trace.findings, *doubts_of(self._seen(), trace.ranges, none, domain, devices)),
            layers=layers,
        )
        return timeline, self._kernel_rows.rows(timeline, trace.shapes)

    def _seen(self) -> Seen:
        return Seen(
            kernels=self._trace.kernel_count,
            operations=self._trace.operation_count,
            late=self._counts.late,
            crossed=self._counts.crossed,
            from_other_threads=self._counts.from_other_threads,
            outside=Outside(self._counts.outside, self._other_counts),
            worked=self._worked,
        )


_NO_KERNELS = pl.DataFrame(schema={"path": pl.Int32, "replayed": pl.Boolean, "place": pl.Int32})


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts and owners as wide as those of all parts together."""
    return rows.with_columns(pl.col("count", "owner").cast(pl.Int64))


def _added(one: UnattributedCounts, other: UnattributedCounts) -> UnattributedCounts:
    return {
        "launch_count": one["launch_count"] + other["launch_count"],
        "duration_ns": one["duration_ns"] + other["duration_ns"],
        "memory_operation_count": one["memory_operation_count"] + other["memory_operation_count"],
        "memory_duration_ns": one["memory_duration_ns"] + other["memory_duration_ns"],
        "graph_launch_count": one["graph_launch_count"] + other["graph_launch_count"],
        "graph_duration_ns": one["graph_duration_ns"] + other["graph_duration_ns"],
    }
