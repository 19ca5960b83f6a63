"""Back from the GPU to the CPU: the API call that launched each, and where graph nodes were captured."""

from dataclasses import dataclass

import numpy as np

from roofprof.formats.nsys import API_TABLES, GRAPH_NODES
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables
from roofprof.timeline.frames import slices

PROCESS_MASK = ~0xFFFFFF
"""globalTid & this = globalPid."""


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

    def find(self, global_pid: Integers, correlation_id: Integers) -> tuple[Integers, Integers, Integers]:
        """Start, end and thread of the call that launched each operation, NULL where there is none.

        Runtime calls wrap driver calls of the same correlation id: the innermost is taken, which lies in
        every range that the outer one lies in.
        """
        columns = (self.start, self.end, self.global_tid)
        start, end, thread = found = tuple(np.full(len(global_pid), NULL, np.int64) for _ in columns)
        for rows in slices(len(global_pid) if len(self.keys) else 0):
            wanted = _keys(self.processes, global_pid[rows], correlation_id[rows])
            at = np.searchsorted(self.keys, wanted, side="right") - 1
            missing = (self.keys[at] != wanted) | (wanted < 0)
            for values, column in zip(found, columns, strict=True):
                values[rows] = np.where(missing, NULL, column[at])
        return start, end, thread


def read_api_calls(tables: NsysTables) -> ApiCalls:
    """Every API call of the export that has a correlation id."""
    columns = ("start", "end", "globalTid", "correlationId")
    parts = [tables.integers(name, columns) for name in API_TABLES if tables.columns(name)]
    start, end, tid, correlation = (
        np.concatenate([p[c] for p in parts]) if len(parts) > 1 else parts[0][c] if parts else np.empty(0, np.int64)
        for c in columns
    )
    del parts
    usable = (correlation != NULL) & (tid != NULL) & (start != NULL)
    if not usable.all():
        start, end, tid, correlation = start[usable], end[usable], tid[usable], correlation[usable]
    end = np.where(end == NULL, start, end)
    backwards = end < start
    end[backwards] = start[backwards]
    processes = _distinct(tid & PROCESS_MASK)
    keys = _keys(processes, tid & PROCESS_MASK, correlation)
    if not _is_sorted(keys, start):
        order = np.lexsort((start, keys))
        keys, start, end, tid = keys[order], start[order], end[order], tid[order]
    return ApiCalls(processes, keys, start, end, tid, int(backwards.sum()))


def _distinct(values: Integers) -> Integers:
    """Sorted distinct values, found without sorting all where they come in long runs."""
    if not len(values):
        return values
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.unique(values[np.concatenate([[0], changes])])


def _keys(processes: Integers, global_pid: Integers, correlation_id: Integers) -> Integers:
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


def read_node_creation(tables: NsysTables) -> dict[tuple[int, int], tuple[int, int]]:
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
