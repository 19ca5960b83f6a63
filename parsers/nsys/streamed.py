"""Reads a trace that is larger than memory should hold: operations go to files, and come back part by part."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import polars as pl

from roofprof.formats.nsys import GRAPH_LAUNCHES, KERNELS, MEMCPYS, MEMSETS
from roofprof.parsers.nsys.api_calls import read_node_creation
from roofprof.parsers.nsys.checked import CheckedTables
from roofprof.parsers.nsys.diagnostics import lost_launch_findings, read_diagnostics, reading_losses
from roofprof.parsers.nsys.operations import Losses, OperationReader
from roofprof.parsers.nsys.ranges import read_ranges
from roofprof.parsers.nsys.spill import SortedRuns, stretches
from roofprof.parsers.nsys.stored_calls import StoredCalls
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.timeline.frames import (
    GRAPH_LAUNCH_SCHEMA,
    KERNEL_OPERATION_SCHEMA,
    MEMORY_OPERATION_SCHEMA,
    SHAPE_SCHEMA,
    NsysTrace,
)
from roofprof.timeline.nesting import Integers
from roofprof.timeline.op_calls import replays_of
from roofprof.timeline.places import place_keys
from roofprof.timeline.streamed.source import StreamedTrace

ROWS_AT_ONCE = 1 << 19
"""Operations, or API calls, that are in memory at a time."""
_MARKS_PER_PART = 256


def read_streamed(tables: CheckedTables, folder: Path, source: str, rows: int = ROWS_AT_ONCE) -> StreamedTrace:
    """Read all tables once, and keep operations and API calls in files.

    Args:
        tables: of the export.
        folder: for the files, which must stay as long as parts are read.
        source: the trace's name.
        rows: how many to hold at a time.
    """
    names = NsysNames(tables)
    stored = _Stored(tables, names, folder, rows)
    losses = reduce(_added, stored.losses, Losses())
    losses.shared_launch = stored.calls.sharing()
    found = [
        *reading_losses(losses, stored.calls.backwards, stored.graphs.height),
        *lost_launch_findings(stored.calls.lost_launches(names)),
    ]
    ranges, range_findings = read_ranges(tables, names)
    runs = [stored.kernels, stored.memory, stored.graphs]
    return StreamedTrace(
        parts=lambda: _parts(stored, ranges, rows),
        ranges=ranges,
        shapes=stored.shapes.frame(),
        place_keys=np.unique(np.concatenate([np.empty(0, np.int64), *stored.places])),
        replays=np.unique(np.concatenate([np.empty((2, 0), np.int64), *stored.replays], axis=1), axis=1),
        kernel_count=stored.kernels.height,
        operation_count=sum(run.height for run in runs),
        findings=(*tables.findings(), *read_diagnostics(tables), *found, *range_findings),
        source=source,
    )


class _Shapes:
    """Shapes of kernels, numbered in the order in which they first come."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int | None, ...], int] = {}

    def numbered(self, kernels: pl.DataFrame, shapes: pl.DataFrame) -> pl.DataFrame:
        """Kernels of a run with the shapes' numbers of all."""
        numbers = [self._numbers.setdefault(shape, len(self._numbers)) for shape in shapes.iter_rows()]
        return kernels.with_columns(shape=pl.Series(numbers, dtype=pl.UInt32).gather(kernels["shape"]))

    def frame(self) -> pl.DataFrame:
        """SHAPE_SCHEMA."""
        return pl.DataFrame(list(self._numbers), schema=SHAPE_SCHEMA, orient="row")


class _Stored:
    """Operations in files, and what is known of all of them."""

    def __init__(self, tables: CheckedTables, names: NsysNames, folder: Path, rows: int) -> None:
        self.calls = StoredCalls(tables, folder, rows)
        self.shapes = _Shapes()
        self.places: list[Integers] = []
        self.replays: list[Integers] = []
        self.losses: list[Losses] = []
        step = max(1, rows // _MARKS_PER_PART)
        self.kernels = SortedRuns(folder, KERNEL_OPERATION_SCHEMA, step)
        self.memory = SortedRuns(folder, MEMORY_OPERATION_SCHEMA, step)
        self.graphs = SortedRuns(folder, GRAPH_LAUNCH_SCHEMA, step)
        created = read_node_creation(tables)
        for table in (KERNELS, MEMCPYS, MEMSETS, GRAPH_LAUNCHES):
            for run in tables.runs(table, rows):
                reader = OperationReader(tables, names, self.calls, created, run)
                self._keep(table, reader)
                self.losses.append(reader.losses)

    def _keep(self, table: str, reader: OperationReader) -> None:
        if table == KERNELS:
            frame = self.shapes.numbered(*reader.kernels())
            self.kernels.add(frame)
        elif table == GRAPH_LAUNCHES:
            frame = reader.graph_launches()
            self.graphs.add(frame)
        else:
            frame = reader.memory(table)
            self.memory.add(frame)
        self.places.append(place_keys(frame))
        if frame["node_created_ns"].null_count() < frame.height:
            self.replays.append(replays_of(frame)[1])


def _parts(stored: _Stored, ranges: pl.DataFrame, rows: int) -> Iterator[NsysTrace]:
    """Operations of one stretch of time after the other."""
    shapes = stored.shapes.frame()
    runs = [stored.kernels, stored.memory, stored.graphs]
    for low, high in stretches(runs, rows):
        kernels, memory, graphs = (run.between(low, high) for run in runs)
        if kernels.height or memory.height or graphs.height:
            yield NsysTrace(kernels, shapes, ranges, memory, graphs, ())


def _added(one: Losses, other: Losses) -> Losses:
    return Losses(
        backwards=one.backwards + other.backwards,
        nameless=one.nameless + other.nameless,
        without_launch=one.without_launch + other.without_launch,
        without_node=one.without_node + other.without_node,
    )
