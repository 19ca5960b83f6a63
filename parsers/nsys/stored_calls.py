"""API calls in files: those of one stretch of correlation ids are in memory at a time."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roofprof.formats.nsys import API_TABLES
from roofprof.parsers.nsys.api_calls import LostLaunches, call_keys, launch_names, lost_by_process, sorted_calls
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables, Run

_ID_BITS = 18
"""Correlation ids of a stretch: as many as a run has rows, or half of them."""
_STRETCHES_AT_ONCE = 8
_LAST, _USED, _ONE, _MORE = 1, 2, 4, 8
"""What is noted of a call: the innermost of its id; looked up; by one kernel; by several."""


@dataclass(frozen=True, slots=True)
class _File:
    """Calls of one run, sorted by key and start: rows of key, start, end and thread."""

    path: Path
    table: str
    run: Run
    rows: Path | None
    """Where each stands in the run; None where all do in this order."""
    low: int
    high: int

    def stretch(self, number: int) -> tuple[int, int, Integers]:
        """Where the calls of a stretch are in the file, and their columns."""
        held = np.load(self.path, mmap_mode="r")
        low, high = np.searchsorted(held[0], [number << _ID_BITS, (number + 1) << _ID_BITS]).tolist()
        return low, high, np.array(held[:, low:high])


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Calls of a stretch of ids, sorted by key and start."""

    keys: Integers
    start: Integers
    end: Integers
    thread: Integers
    order: Integers
    """Where each is in the files, one after the other."""


class StoredCalls:
    """What `ApiCalls` is, in files of a folder. One byte of each call is kept in memory."""

    def __init__(self, tables: NsysTables, folder: Path, rows: int) -> None:
        """Read and write all calls.

        Args:
            tables: of the export.
            folder: to write to.
            rows: of a table at a time.
        """
        self._tables = tables
        self._codes: dict[int, int] = {}
        self._files: list[_File] = []
        self._notes: dict[int, NDArray[np.uint8]] = {}
        self._held: OrderedDict[int, _Stretch] = OrderedDict()
        self.backwards = 0
        self._shared = 0
        self._stretches: set[int] = set()
        for table in API_TABLES:
            for run in tables.runs(table, rows):
                self._write(folder, table, run)
        self.processes: Integers = np.array(sorted(self._codes), np.int64)

    def _write(self, folder: Path, table: str, run: Run) -> None:
        data = self._tables.integers(table, ("start", "end", "globalTid", "correlationId"), run)
        calls = sorted_calls(data["start"], data["end"], data["globalTid"], data["correlationId"])
        self.backwards += calls.backwards
        if not len(calls.keys):
            return
        # Processes are numbered as they come: not all are known yet.
        codes = np.array([self._codes.setdefault(p, len(self._codes)) for p in calls.processes.tolist()], np.int64)
        keys = codes[calls.keys >> 32] << 32 | (calls.keys & 0xFFFFFFFF)
        order = np.argsort(keys, kind="stable") if (keys[1:] < keys[:-1]).any() else None
        columns = np.stack((keys, calls.start, calls.end, calls.global_tid))
        rows = calls.rows
        if order is not None:
            columns = columns[:, order]
            rows = order if rows is None else rows[order]
        path = folder / f"calls-{len(self._files)}.npy"
        np.save(path, columns)
        kept = None
        if rows is not None:
            kept = path.with_suffix(".rows.npy")
            np.save(kept, rows)
        numbers = columns[0] >> _ID_BITS
        self._stretches |= set(np.unique(numbers).tolist())
        self._files.append(_File(path, table, run, kept, int(numbers[0]), int(numbers[-1])))

    def _stretch(self, number: int) -> _Stretch:
        """The calls of a stretch, read again unless they were used lately."""
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        parts = [file.stretch(number)[2] for file in self._files if file.low <= number <= file.high]
        keys, start, end, thread = np.concatenate(parts, axis=1)
        order = np.lexsort((start, keys))
        found = _Stretch(keys[order], start[order], end[order], thread[order], order)
        if number not in self._notes:
            last = np.append(found.keys[1:] != found.keys[:-1], True)
            self._notes[number] = last.astype(np.uint8) * np.uint8(_LAST)
        self._held[number] = found
        while len(self._held) > _STRETCHES_AT_ONCE:
            self._held.popitem(last=False)
        return found

    def find(
        self, global_pid: Integers, correlation_id: Integers, counted: NDArray[np.bool_] | None = None
    ) -> tuple[Integers, Integers, Integers]:
        """As `ApiCalls.find`."""
        start, end, thread = (np.full(len(global_pid), NULL, np.int64) for _ in range(3))
        wanted = call_keys(self.processes, global_pid, correlation_id)
        known = wanted >= 0
        codes = np.array([self._codes[p] for p in self.processes.tolist()], np.int64)
        if len(codes):
            wanted[known] = codes[wanted[known] >> 32] << 32 | (wanted[known] & 0xFFFFFFFF)
        numbers = wanted >> _ID_BITS
        order = np.argsort(numbers, kind="stable") if (numbers[1:] < numbers[:-1]).any() else np.arange(len(numbers))
        edges = np.flatnonzero(np.diff(numbers[order])) + 1
        for rows in np.split(order, edges) if len(order) else ():
            number = int(numbers[rows[0]])
            if number not in self._stretches:
                continue
            calls = self._stretch(number)
            at = np.searchsorted(calls.keys, wanted[rows], side="right") - 1
            hit = calls.keys[at] == wanted[rows]
            rows, at = rows[hit], at[hit]
            start[rows], end[rows], thread[rows] = calls.start[at], calls.end[at], calls.thread[at]
            self._notes[number][at] |= _USED
            if counted is not None:
                self._count(self._notes[number], at[counted[rows]])
        return start, end, thread

    def _count(self, notes: NDArray[np.uint8], at: Integers) -> None:
        """Note the calls that kernels came from, and count those that share one."""
        calls, count = np.unique(at, return_counts=True)
        before = notes[calls]
        fresh, shared = before & (_ONE | _MORE) == 0, before & _MORE > 0
        first = (count > 1) | ~fresh
        self._shared += int(count[first].sum()) + int((~fresh & ~shared).sum())
        notes[calls] |= np.where(first, _MORE, _ONE).astype(np.uint8)

    def sharing(self) -> int:
        """As `ApiCalls.sharing`."""
        return self._shared

    def lost_launches(self, names: NsysNames) -> LostLaunches:
        """As `lost_launches` of all calls: ask after all operations were looked up."""
        if self._stretches <= self._notes.keys() and not any(
            (n & (_LAST | _USED) == _LAST).any() for n in self._notes.values()
        ):
            return LostLaunches({}, {})
        called = [self._called(file) for file in self._files]
        wanted = launch_names(np.unique(np.concatenate([np.unique(c) for c in called])), names) if called else []
        counts = np.zeros((2, len(self._codes)), np.int64)
        for number in sorted(self._stretches):
            calls = self._stretch(number)
            spans = [(*file.stretch(number)[:2], ids) for file, ids in zip(self._files, called, strict=True)]
            ids = np.concatenate([ids[low:high] for low, high, ids in spans])[calls.order]
            notes = self._notes[number]
            launch = (notes & _LAST > 0) & np.isin(ids, wanted)
            for row, chosen in enumerate((launch, launch & (notes & _USED == 0))):
                counts[row] += np.bincount(calls.keys[chosen] >> 32, minlength=len(self._codes))
        order = [self._codes[p] for p in self.processes.tolist()]
        return lost_by_process(self.processes, counts[0][order], counts[1][order])

    def _called(self, file: _File) -> Integers:
        """The name of each call of a file, in a file of its own: columns of all calls do not stay in memory."""
        path = file.path.with_suffix(".names.npy")
        names = self._tables.integers(file.table, ("nameId",), file.run)["nameId"]
        np.save(path, names if file.rows is None else names[np.load(file.rows)])
        found: Integers = np.load(path, mmap_mode="r")
        return found
