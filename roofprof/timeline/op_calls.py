"""From GPU operations to calls of ops: each operation belongs to the innermost range around its launch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roofprof.formats.nsys import PROCESS_MASK
from roofprof.timeline.frames import Operations, parts, slices
from roofprof.timeline.nesting import NO_RANGE, Booleans, Integers, RangeForest, last_event, range_forest
from roofprof.timeline.places import Places
from roofprof.timeline.range_paths import NO_PATH, joined_forests, range_paths

PathNumbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Attribution:
    """Every GPU operation with the call of the op that it belongs to."""

    key: Integers
    """One number per call: range, place and, for a replayed graph, the replay; -1 - place where no range is."""
    paths: Sequence[tuple[str, ...]]
    """Range names from the outermost in, by path number."""
    path: Integers
    """Path number of each range of `forest`."""
    forest: RangeForest
    place_count: int
    replay_count: int
    """Replays of graphs, plus one for what no graph launched: key = (range x this + replay) x place_count + place."""
    crossed_calls: int = 0
    """Operations during whose launch a push/pop range began on the same thread, which cannot be."""
    from_other_threads: int = 0
    """Operations that lie only in a start/end range which another thread of their process opened."""

    @property
    def variants(self) -> int:
        """Calls that one range may be."""
        return self.place_count * self.replay_count

    def range_of(self, key: Integers) -> Integers:
        """Position of each call's range in `forest`."""
        return key // self.variants

    def place_of(self, key: Integers) -> Integers:
        """Number of the place of each call or operation."""
        if self.place_count == 1:
            return np.broadcast_to(np.int64(0), len(key))
        return np.where(key < 0, -1 - key, key % self.place_count)

    def replayed(self, key: Integers) -> Booleans:
        """Whether each call is a replay of a graph, whose ranges were active when it was captured."""
        if self.replay_count == 1:
            return np.zeros(len(key), bool)
        replayed: Booleans = key % self.variants >= self.place_count
        return replayed

    def path_of(self, key: Integers) -> PathNumbers:
        """Path number of each call or operation, NO_PATH where no range is."""
        found = np.full(len(key), NO_PATH, np.int32)
        for rows in slices(len(key) if len(self.path) else 0):
            part = key[rows]
            found[rows] = np.where(part < 0, NO_PATH, self.path[np.maximum(self.range_of(part), 0)])
        return found

    def with_work(self) -> Booleans:
        """Whether each range of `forest` has operations of its own."""
        found = np.zeros(len(self.forest.rows), bool)
        for rows in slices(len(self.key)):
            part = self.key[rows]
            found[self.range_of(part[part >= 0])] = True
        return found


def attribute_operations(
    operations: Operations | pl.DataFrame, ranges: pl.DataFrame, domain: str | None, places: Places
) -> Attribution:
    """Attribute each operation to the innermost push/pop range of the domain, or start/end range without one.

    A start/end range of the launching thread goes before those of other threads, which hold for the whole process.
    A node that a graph replays belongs to the range that was active when the node was captured, in which its
    op was called; where the trace does not tell, to the range around the replay.

    Args:
        operations: OPERATION_SCHEMA's columns.
        ranges: RANGE_SCHEMA, every domain.
        domain: one of them; None attributes nothing.
        places: of the operations.
    """
    forests, names = forests_of(ranges, domain)
    replay, replays = _replays(operations)
    key, crossed, foreign = keys_of(operations, forests, places, replay, replays)
    forest, paths, path = forests.joined(names)
    return Attribution(key, paths, path, forest, len(places.known), replays, crossed, foreign)


def forests_of(ranges: pl.DataFrame, domain: str | None) -> tuple["Forests", pl.Series]:
    """The ranges of a domain, and their names: those of push/pop ranges first."""
    inside = ranges["domain"] == (domain or "")
    is_pushed = ranges["style"] == "push_pop"
    # Push/pop ranges first: in the forest of both, styles must not nest in each other.
    chosen = [
        ranges.select("name", "start_ns", "end_ns", "global_tid", "end_global_tid").filter(inside & style)
        for style in (is_pushed & ranges["end_global_tid"].is_null(), ~is_pushed)
    ]
    pushed, started = chosen
    forests = Forests.of(pushed, started, last_event(ranges))
    return forests, pl.concat([of_style["name"] for of_style in chosen], rechunk=True)


def keys_of(
    operations: Operations | pl.DataFrame, forests: "Forests", places: Places, replay: Integers, replays: int
) -> tuple[Integers, int, int]:
    """The call of each operation, and how many crossed the start of a range or are another thread's.

    Args:
        operations: OPERATION_SCHEMA's columns.
        forests: of the domain.
        places: of the operations.
        replay: number of each operation's replay.
        replays: how many there are, as `Attribution` counts them.
    """
    key = np.empty(operations.height, np.int64)
    crossed = foreign = 0
    for rows, part in parts(operations, (*_CAPTURED, *_LAUNCHED)):
        crossed += _crossed(part, forests.pushed)
        found, call, others = _calls(part, forests, replay[rows])
        foreign += others
        place = places.number[rows]
        key[rows] = np.where(found < 0, -1 - place, (found * replays + call) * len(places.known) + place)
    return key, crossed, foreign


_CAPTURED = ("node_global_tid", "node_created_ns")
_LAUNCHED = ("launch_global_tid", "launch_start_ns", "launch_end_ns")


@dataclass(frozen=True, slots=True)
class Forests:
    """The ranges of a domain by how they are found."""

    pushed: RangeForest
    started: RangeForest
    """Start/end ranges that end on their own thread, by thread."""
    shared: RangeForest
    """All start/end ranges, by process."""
    position: Integers
    """Of each of `started` in `shared`."""

    @classmethod
    def of(cls, pushed: pl.DataFrame, started: pl.DataFrame, end: int) -> "Forests":
        """Those of two frames of RANGE_SCHEMA's columns; open ranges end at `end`."""
        own, shared = range_forest(started, end), range_forest(started, end, process_wide=True)
        position = np.empty(started.height, np.int64)
        position[shared.rows] = np.arange(started.height)
        return cls(range_forest(pushed, end), own, shared, position[own.rows])

    def joined(self, names: pl.Series) -> tuple[RangeForest, list[tuple[str, ...]], Integers]:
        """Both styles as one, its distinct paths, and the path number of each range."""
        forest = joined_forests(self.pushed, self.shared)
        return forest, *range_paths(forest, names)


def _calls(operations: pl.DataFrame, forests: Forests, replay: Integers) -> tuple[Integers, Integers, int]:
    """The range of each operation, by its node's capture where that is known, else by its launch; and its replay.

    The last is how many have a range of another thread only.
    """
    found = np.full(operations.height, NO_RANGE, np.int64)
    count = len(forests.pushed.rows)
    for columns in ((*_CAPTURED, _CAPTURED[1]), _LAUNCHED):
        _fill(found, operations, forests.pushed, columns, np.arange(count))
        _fill(found, operations, forests.started, columns, forests.position + count)
        if columns[0] == _CAPTURED[0]:
            replay = np.where(found == NO_RANGE, 0, replay)
    before = int((found == NO_RANGE).sum())
    if before and len(forests.shared.rows):
        positions = np.arange(len(forests.shared.rows)) + count
        _fill(found, operations, forests.shared, _LAUNCHED, positions, PROCESS_MASK)
    return found, replay, before - int((found == NO_RANGE).sum())


def calls_round(attribution: Attribution, key: Integers, own: Integers | None) -> tuple[Integers, Integers]:
    """For each operation, the enclosing calls that have operations of their own too.

    Args:
        key: the operations' calls.
        own: every call that has an operation, sorted; None, where that is not known yet, takes all that enclose.

    Returns:
        Calls, and the operation's position for each.
    """
    calls, positions = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    parent = attribution.forest.parent
    for rows in slices(len(key)):
        at = rows.start + np.flatnonzero(key[rows] >= 0)
        ranges = attribution.range_of(key[at])
        while len(at):
            ranges = parent[ranges]
            at, ranges = at[ranges != NO_RANGE], ranges[ranges != NO_RANGE]
            outer = ranges * attribution.variants + key[at] % attribution.variants
            known: Booleans = np.ones(len(outer), bool)
            if own is not None:
                known = own[np.minimum(np.searchsorted(own, outer), len(own) - 1)] == outer
            calls.append(outer[known])
            positions.append(at[known])
    return np.concatenate(calls), np.concatenate(positions)


def replays_of(operations: Operations | pl.DataFrame) -> tuple[Integers, Integers, Integers]:
    """Operations that a graph replayed, distinct replays (process and correlation id, sorted), and which is whose."""
    rows = np.flatnonzero(operations["node_created_ns"].is_not_null().to_numpy())
    process = operations["global_pid"].gather(rows).fill_null(0).to_numpy()
    correlation = operations["correlation_id"].gather(rows).fill_null(0).to_numpy().astype(np.int64)
    pairs, number = np.unique(np.stack([process, correlation]), axis=1, return_inverse=True)
    return rows, pairs, number.reshape(-1)


def _replays(operations: Operations | pl.DataFrame) -> tuple[Integers, int]:
    """A number from 1 for each replay of a graph, 0 for what no graph launched; and how many there are."""
    if operations["node_created_ns"].null_count() < operations.height:
        rows, pairs, number = replays_of(operations)
        replay = np.zeros(operations.height, np.int64)
        replay[rows] = number + 1
        return replay, pairs.shape[1] + 1
    return np.broadcast_to(np.int64(0), operations.height), 1


def _crossed(operations: pl.DataFrame, forest: RangeForest) -> int:
    """Operations whose API call holds the start of a push/pop range of its thread."""
    rows = np.flatnonzero(operations["launch_global_tid"].is_not_null().to_numpy())
    if not len(rows) or not len(forest.rows):
        return 0
    columns = ("launch_global_tid", "launch_start_ns", "launch_end_ns")
    thread, start, end = (operations[column].gather(rows).to_numpy() for column in columns)
    return int((forest.last_started(thread, start) != forest.last_started(thread, end)).sum())


def _fill(
    found: Integers,
    operations: pl.DataFrame,
    forest: RangeForest,
    columns: tuple[str, str, str],
    positions: Integers,
    mask: int = -1,
) -> None:
    """Find ranges for the operations that have none yet and where the columns are known.

    Args:
        found: written: of each operation's range, what `positions` has for it.
        operations: some of them.
        forest: to look in.
        columns: thread, start and end of the calls.
        positions: one per range of the forest.
        mask: what of the thread the forest goes by.
    """
    open_rows = (found == NO_RANGE) & operations[columns[0]].is_not_null().to_numpy()
    rows = np.flatnonzero(open_rows)
    if not len(rows) or not len(forest.rows):
        return
    thread, start, end = (operations[c].gather(rows).to_numpy() for c in columns)
    position = forest.innermost(thread if mask == -1 else thread & mask, start, end)
    found[rows] = np.where(position < 0, NO_RANGE, positions[position])
