"""Times of calls, added up over the parts of a trace."""

import numpy as np
import polars as pl

from roofprof.timeline.call_times import IdleTimes, calls_frame, own_times
from roofprof.timeline.frames import KERNEL, Operations
from roofprof.timeline.gaps import find_gaps
from roofprof.timeline.intervals import grouped, sorting
from roofprof.timeline.nesting import Integers, runs
from roofprof.timeline.op_calls import Attribution, calls_round
from roofprof.timeline.places import Places
from roofprof.timeline.streamed.sums import Reach, Sums

_ADDED = (
    "busy_ns",
    "graph_count",
    "kernel_count",
    "memory_operation_count",
    "duration_ns",
    "union_ns",
    "memory_duration_ns",
)
_ENDS = (pl.col("first").min(), pl.col("last").max())
_IDLE = ("gap_before_ns", "launch_bound_ns")


class CallSums:
    """What `call_times` gives of the whole trace."""

    def __init__(self, place_count: int) -> None:
        self.idle = IdleTimes.none(place_count)
        self._own = Sums(["key"], [*_ENDS, pl.col(_ADDED).sum()])
        self._round = Sums(["key"], [*_ENDS, pl.col("busy_round_ns").sum()])
        self._idle = Sums(["key"], [pl.col(_IDLE).sum()])
        self._busy, self._kernels, self._around = Reach(), Reach(), Reach()
        self._last = _no_last()

    def add(self, operations: Operations, attribution: Attribution, places: Places, boundary: int) -> None:
        """Add a part.

        Args:
            operations: of the part.
            attribution: of them.
            places: of them.
            boundary: no later operation starts before.
        """
        start, end, kind = (operations[c].to_numpy() for c in ("start_ns", "end_ns", "kind"))
        key = attribution.key
        self._add_gaps(operations, key, places)
        if not (inside := key >= 0).all():
            kind = kind[inside]
        self._add_round(attribution, start, end, boundary)
        if not inside.all():
            key, start, end = key[inside], start[inside], end[inside]
        own = own_times(key, start, end, kind)
        del own["busy_round_ns"]
        own["busy_ns"] = self._busy.added(own["key"], own["busy_ns"], key, start, end)
        kernels = kind == KERNEL
        ran = (key, start, end) if kernels.all() else (key[kernels], start[kernels], end[kernels])
        own["union_ns"] = self._kernels.added(own["key"], own["union_ns"], *ran)
        self._own.add(pl.DataFrame(own).select("key", "first", "last", *_ADDED))
        self._busy.go_on(key, end, boundary)
        self._kernels.go_on(ran[0], ran[2], boundary)

    def _add_round(self, attribution: Attribution, start: Integers, end: Integers, boundary: int) -> None:
        """Calls that others may be nested in: whether they have operations of their own is not known yet."""
        key, parent = attribution.key, attribution.forest.parent
        has_child = np.zeros(len(parent), bool)
        has_child[parent[parent >= 0]] = True
        outer, position = calls_round(attribution, key, None)
        inside = np.flatnonzero(key >= 0)
        mine = inside[has_child[attribution.range_of(key[inside])]]
        outer, position = np.concatenate([key[mine], outer]), np.concatenate([mine, position])
        began, ended = start[position], end[position]
        groups = grouped(outer, began)
        found = {"key": outer[groups.order][groups.first], "first": groups.min(began), "last": groups.max(ended)}
        union = groups.union(began, ended)
        found["busy_round_ns"] = self._around.added(found["key"], union, outer, began, ended)
        self._round.add(pl.DataFrame(found))
        self._around.go_on(outer, ended, boundary)

    def _add_gaps(self, operations: Operations, key: Integers, places: Places) -> None:
        """Idle times up to operations of this part, after what ended last at each place before it."""
        frame = pl.DataFrame({c: operations[c] for c in self._last.columns if c not in ("key", "place")})
        frame = frame.with_columns(key=pl.Series(key), place=pl.Series(places.number.astype(np.int64)))
        frame = pl.concat([self._last, frame.select(self._last.columns)], rechunk=True)
        number, calls = frame["place"].to_numpy(), frame["key"].to_numpy()
        order = sorting(number, frame["start_ns"].to_numpy())
        for gaps in find_gaps(frame, Places(number, places.known, order)):
            self.idle.add(number[gaps.position], gaps)
            here, earlier = calls[gaps.position], calls[gaps.before]
            before = np.where(here != earlier, gaps.idle_ns, 0)
            rows = pl.DataFrame({"key": here, _IDLE[0]: before, _IDLE[1]: gaps.launch_bound_ns})
            self._idle.add(rows.filter(pl.col("key") >= 0).group_by("key", maintain_order=True).sum())
        end = frame["end_ns"].to_numpy()
        last = []
        order = np.arange(len(end)) if order is None else order
        for _, low, high in runs(number[order]):
            ended = end[order[low:high]]
            last.append(int(order[high - 1 - int(np.argmax(ended[::-1]))]))
        self._last = frame[last]

    def frame(self, attribution: Attribution) -> pl.DataFrame:
        """CALL_SCHEMA of the whole trace; `attribution` is of any part."""
        own = self._own.total().sort("key")
        rows = own.join(self._round.total(), on="key", how="left", suffix="_round", maintain_order="left")
        idle = rows.select("key").join(self._idle.total(), on="key", how="left", maintain_order="left")
        rows = rows.with_columns(
            first=pl.coalesce("first_round", "first"),
            last=pl.coalesce("last_round", "last"),
            busy_round_ns=pl.coalesce("busy_round_ns", "busy_ns"),
        ).drop("first_round", "last_round")
        waited = {c: idle[c].fill_null(0).to_numpy() for c in _IDLE}
        return calls_frame({c: rows[c].to_numpy() for c in rows.columns}, waited, attribution)


def _no_last() -> pl.DataFrame:
    """The operation that ended last at each place: none."""
    return pl.DataFrame(
        schema={
            "start_ns": pl.Int64,
            "end_ns": pl.Int64,
            "launch_end_ns": pl.Int64,
            "global_pid": pl.Int64,
            "correlation_id": pl.UInt32,
            "key": pl.Int64,
            "place": pl.Int64,
        }
    )
