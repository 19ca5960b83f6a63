"""Back from the GPU to the CPU: the API call that launched each, and where graph nodes were captured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roofprof.formats.nsys import API_TABLES, GRAPH_NODES, LAUNCH_CALL, PROCESS_MASK, process_id
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables
from roofprof.timeline.frames import slices

NodeCreation = Mapping[tuple[int, int], tuple[int, int]]
"""(globalPid, graph node) to (time, globalTid) of its creation."""


class Calls(Protocol):
    """API calls, from which operations are looked up."""

    @property
    def processes(self) -> Integers:
        """Every globalPid, sorted."""
        ...

    def find(
        self, global_pid: Integers, correlation_id: Integers, counted: NDArray[np.bool_] | None = None
    ) -> tuple[Integers, Integers, Integers]:
        """As `ApiCalls.find`."""
        ...


@dataclass(frozen=True, slots=True)
class ApiCalls:
    """API calls by process and correlation id, sorted by both and then by start."""

    processes: Integers
    """Every globalPid, sorted."""
    keys: Integers
    start: Integers
    end: Integers
    global_tid: Integers
    backwards: int
    """Calls that end before they start; taken to end where they start."""
    rows: Integers | None
    """Where each stands in the tables, one after the other; None where all stand there in this order."""
    used: NDArray[np.bool_]
    """Whether an operation that was looked up came from each; written by `find`."""
    kernels: NDArray[np.uint32]
    """How many kernels came from each, those of graphs apart; written by `find`."""

    def find(
        self, global_pid: Integers, correlation_id: Integers, counted: NDArray[np.bool_] | None = None
    ) -> tuple[Integers, Integers, Integers]:
        """Start, end and thread of the call that launched each operation, NULL where there is none.

        Runtime calls wrap driver calls of the same correlation id: the innermost is taken, which lies in
        every range that the outer one lies in.

        Args:
            global_pid: of each operation.
            correlation_id: of each.
            counted: which of them count among `kernels`.
        """
        columns = (self.start, self.end, self.global_tid)
        start, end, thread = found = tuple(np.full(len(global_pid), NULL, np.int64) for _ in columns)
        for rows in slices(len(global_pid) if len(self.keys) else 0):
            wanted = call_keys(self.processes, global_pid[rows], correlation_id[rows])
            at = np.searchsorted(self.keys, wanted, side="right") - 1
            missing = (self.keys[at] != wanted) | (wanted < 0)
            self.used[at[~missing]] = True
            if counted is not None:
                np.add.at(self.kernels, at[counted[rows] & ~missing], 1)
            for values, column in zip(found, columns, strict=True):
                values[rows] = np.where(missing, NULL, column[at])
        return start, end, thread

    def sharing(self) -> int:
        """Kernels that share their API call with another one, graphs apart: a graph's nodes share one launch."""
        return int(self.kernels[self.kernels > 1].sum(dtype=np.int64))


def read_api_calls(tables: NsysTables) -> ApiCalls:
    """Every API call of the export that has a correlation id."""
    columns = ("start", "end", "globalTid", "correlationId")
    parts = [tables.integers(name, columns) for name in API_TABLES if tables.columns(name)]
    start, end, tid, correlation = (
        np.concatenate([p[c] for p in parts]) if len(parts) > 1 else parts[0][c] if parts else np.empty(0, np.int64)
        for c in columns
    )
    del parts
    return sorted_calls(start, end, tid, correlation)


def sorted_calls(start: Integers, end: Integers, tid: Integers, correlation: Integers) -> ApiCalls:
    """The calls of these columns."""
    usable = (correlation != NULL) & (tid != NULL) & (start != NULL)
    rows: Integers | None = None
    if not usable.all():
        rows = np.flatnonzero(usable)
        start, end, tid, correlation = start[usable], end[usable], tid[usable], correlation[usable]
    end = np.where(end == NULL, start, end)
    backwards = end < start
    end[backwards] = start[backwards]
    processes = _distinct(tid & PROCESS_MASK)
    keys = call_keys(processes, tid & PROCESS_MASK, correlation)
    if not _is_sorted(keys, start):
        order = np.lexsort((start, keys))
        keys, start, end, tid = keys[order], start[order], end[order], tid[order]
        rows = order if rows is None else rows[order]
    none_used, no_kernels = np.zeros(len(keys), bool), np.zeros(len(keys), np.uint32)
    return ApiCalls(processes, keys, start, end, tid, int(backwards.sum()), rows, none_used, no_kernels)


@dataclass(frozen=True, slots=True)
class LostLaunches:
    """Calls that launch kernels, by process id."""

    launches: dict[int, int]
    lost: dict[int, int]
    """Those of which no operation is in the trace."""


def lost_launches(calls: ApiCalls, tables: NsysTables, names: NsysNames) -> LostLaunches:
    """Launches without an operation; both empty where every call had one, or calls have no names.

    Args:
        calls: after all operations were looked up in them.
        tables: where they are from.
        names: of the same export.
    """
    last = np.append(calls.keys[1:] != calls.keys[:-1], True)[: len(calls.keys)]  # runtime calls wrap driver calls
    if not (last & ~calls.used).any():
        return LostLaunches({}, {})
    called = np.concatenate([tables.integers(t, ("nameId",))["nameId"] for t in API_TABLES if tables.columns(t)])
    called = called if calls.rows is None else called[calls.rows]
    ids = np.unique(called)
    launch = last & np.isin(called, launch_names(ids, names))
    of = [
        np.bincount(calls.keys[chosen] >> 32, minlength=len(calls.processes))
        for chosen in (launch, launch & ~calls.used)
    ]
    return lost_by_process(calls.processes, *of)


def launch_names(ids: Integers, names: NsysNames) -> list[int]:
    """Those of the names that are of calls which launch kernels."""
    found = zip(ids.tolist(), names.strings(ids), strict=True)
    return [number for number, text in found if text and LAUNCH_CALL.match(text)]


def lost_by_process(processes: Integers, launches: Integers, lost: Integers) -> LostLaunches:
    """Launches and lost ones of each process."""
    each = zip(processes.tolist(), launches.tolist(), lost.tolist(), strict=True)
    counted = {process_id(p): (n, m) for p, n, m in each if n}
    return LostLaunches({p: n for p, (n, _) in counted.items()}, {p: m for p, (_, m) in counted.items() if m})


def _distinct(values: Integers) -> Integers:
    """Sorted distinct values, found without sorting all where they come in long runs."""
    if not len(values):
        return values
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.unique(values[np.concatenate([[0], changes])])


def call_keys(processes: Integers, global_pid: Integers, correlation_id: Integers) -> Integers:
    """One integer for process and correlation id (32 bits); -1 for a process without API calls."""
    if not len(processes):
        return np.full(len(global_pid), -1, np.int64)
    code = np.minimum(np.searchsorted(processes, global_pid), len(processes) - 1)
    keys = (code << 32) | (correlation_id & 0xFFFFFFFF)
    keys[(processes[code] != global_pid) | (correlation_id == NULL)] = -1
    return keys


def _is_sorted(keys: Integers, start: Integers) -> bool:
    same = keys[1:] == keys[:-1]
    return bool(((keys[1:] > keys[:-1]) | (same & (start[1:] >= start[:-1]))).all())


def read_node_creation(tables: NsysTables) -> NodeCreation:
    """(globalPid, graph node) to (time, globalTid) of its creation, clones followed back to the original.

    A node that is cloned when its graph is instantiated was created where it was captured.
    """
    columns = ("start", "globalTid", "graphNodeId", "originalGraphNodeId")
    data = tables.integers(GRAPH_NODES, columns)
    created: dict[tuple[int, int], tuple[int, int]] = {}
    original: dict[tuple[int, int], tuple[int, int]] = {}
    for start, tid, node, source in zip(*(data[c].tolist() for c in columns), strict=True):
        if NULL in (start, tid, node):
            continue
        process = tid & PROCESS_MASK
        key = (process, node)
        if source not in (NULL, 0, node):
            original[key] = (process, source)
        if key not in created or start < created[key][0]:
            created[key] = (start, tid)
    return {key: created[root] for key in created if (root := _root(key, original)) in created}


def _root(key: tuple[int, int], original: dict[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    seen = {key}
    while key in original and original[key] not in seen:
        key = original[key]
        seen.add(key)
    return key
