"""GPU operations of an nsys export: kernels, memcpys and memsets, whole-graph launches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.formats.nsys import GRAPH_LAUNCHES, KERNELS, MEMCPY_DIRECTIONS, MEMCPYS, MEMSETS
from roofprof.parsers.nsys.api_calls import Calls, NodeCreation
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables, Run, nullable
from roofprof.timeline.frames import (
    BLOCK,
    GRAPH_LAUNCH_SCHEMA,
    GRID,
    KERNEL_OPERATION_SCHEMA,
    MEMORY_OPERATION_SCHEMA,
    ROWS_AT_ONCE,
    SHAPE_SCHEMA,
    slices,
)

MEMORY_KINDS = {MEMCPYS: "memcpy", MEMSETS: "memset"}
_COMMON = ("start", "end", "globalPid", "deviceId", "correlationId", "graphNodeId")
_GRID, _BLOCK = ("gridX", "gridY", "gridZ"), ("blockX", "blockY", "blockZ")

# CUPTI's CUpti_ActivityMemcpyKind, for exports without the ENUM_ table.
_DIRECTIONS = {
    1: "Host-to-Device",
    2: "Device-to-Host",
    8: "Device-to-Device",
    9: "Host-to-Host",
    10: "Peer-to-Peer",
}


@dataclass(slots=True)
class Losses:
    """GPU operations that could not be used as they stand."""

    backwards: int = 0
    """Ended before they started: left out."""
    shared_launch: int = 0
    """Kernels whose API call launched another kernel too, without a graph: known when all are read."""
    nameless: int = 0
    """Kernels whose name is not among the strings of the export."""
    without_launch: int = 0
    """No API call with their correlation id in their process."""
    without_node: int = 0
    """Replayed by a graph whose node creation is not in the trace."""


class OperationReader:
    """Reads the tables of GPU operations and links each to its launch."""

    def __init__(
        self, tables: NsysTables, names: NsysNames, calls: Calls, created: NodeCreation, run: Run | None = None
    ) -> None:
        """A reader of all rows, or of one run of one table.

        Args:
            tables: of the export.
            names: of the same.
            calls: of the same; what is looked up is counted there.
            created: `read_node_creation` of the same.
            run: of the one table that will be read.
        """
        self._tables = tables
        self._names = names
        self._calls = calls
        self._created = created
        self._run = run
        self.losses = Losses(backwards=0)

    def kernels(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Every kernel, KERNEL_OPERATION_SCHEMA, and their shapes, SHAPE_SCHEMA."""
        columns, keep = self._common(KERNELS)
        columns["kernel_name"], columns["kernel_demangled_name"] = self._kernel_names(keep)
        unknown = columns["kernel_name"].is_null() | columns["kernel_demangled_name"].is_null()
        self.losses.nameless = int(unknown.sum())
        columns["shape"], shapes = self._shapes(keep)
        return pl.DataFrame(columns, schema=KERNEL_OPERATION_SCHEMA), shapes

    def _shapes(self, keep: Integers | None) -> tuple[pl.Series, pl.DataFrame]:
        """The shape of each kernel, and all shapes in the order of the first kernel of each."""
        columns: dict[str, pl.Series] = {}
        for names, wanted in ((GRID, _GRID), (BLOCK, _BLOCK)):
            sizes = self._tables.integers(KERNELS, wanted, self._run)
            columns |= {n: nullable(_kept(sizes.pop(w), keep), pl.Int32) for n, w in zip(names, wanted, strict=True)}
        frame = pl.DataFrame(columns, schema=SHAPE_SCHEMA)
        del columns
        empty = frame[:0]
        found = (frame[rows].unique(maintain_order=True) for rows in slices(frame.height))
        shapes = pl.concat([empty, *found]).unique(maintain_order=True)
        numbered = shapes.with_row_index("shape")
        # Each join reads all shapes: as many kernels at a time as make that a small part of the work.
        size = max(ROWS_AT_ONCE, 4 * shapes.height)
        codes = [pl.Series(dtype=pl.UInt32)]
        for low in range(0, frame.height, size):
            part = frame[low : low + size]
            joined = part.join(numbered, on=list(SHAPE_SCHEMA), how="left", nulls_equal=True, maintain_order="left")
            codes.append(joined["shape"])
        return pl.concat(codes, rechunk=True), shapes

    def _kernel_names(self, keep: Integers | None) -> tuple[pl.Series, pl.Series]:
        """Short and demangled names; one stands for the other, and the mangled one for both."""
        names = self._tables.integers(KERNELS, ("shortName", "demangledName"), self._run)
        short, demangled = (self._found(_kept(names.pop(c), keep)) for c in ("shortName", "demangledName"))
        if (lacks := short == NULL).any():
            short = np.where(lacks, demangled, short)
        if (lacks := short == NULL).any():
            mangled = self._tables.integers(KERNELS, ("mangledName",), self._run)["mangledName"]
            short = np.where(lacks, self._found(_kept(mangled, keep)), short)
        first = self._names.categories(short)
        return first, self._names.categories(np.where(demangled == NULL, short, demangled))

    def _found(self, ids: Integers) -> Integers:
        unfound = self._names.unfound(ids)
        return np.where(unfound, NULL, ids) if unfound.any() else ids

    def memory_operations(self) -> pl.DataFrame:
        """Every memcpy and memset, MEMORY_OPERATION_SCHEMA."""
        return pl.concat([pl.DataFrame(schema=MEMORY_OPERATION_SCHEMA), *map(self.memory, MEMORY_KINDS)])

    def memory(self, table: str) -> pl.DataFrame:
        """Those of one table."""
        columns, keep = self._common(table)
        data = self._tables.integers(table, ("bytes", "copyKind"), self._run)
        columns["kind"] = pl.repeat(MEMORY_KINDS[table], len(columns["start_ns"]), dtype=pl.String, eager=True)
        columns["direction"] = self._directions(_kept(data["copyKind"], keep))
        columns["bytes"] = nullable(_kept(data["bytes"], keep))
        return pl.DataFrame(columns, schema=MEMORY_OPERATION_SCHEMA)

    def graph_launches(self) -> pl.DataFrame:
        """Graphs that were traced as a whole, GRAPH_LAUNCH_SCHEMA."""
        columns, keep = self._common(GRAPH_LAUNCHES)
        graph = self._tables.integers(GRAPH_LAUNCHES, ("graphId",), self._run)["graphId"]
        columns["graph_id"] = nullable(_kept(graph, keep))
        return pl.DataFrame(columns, schema=GRAPH_LAUNCH_SCHEMA)

    def _common(self, table: str) -> tuple[dict[str, pl.Series], Integers | None]:
        """OPERATION_SCHEMA's columns, and the rows kept where some are not."""
        data = self._tables.integers(table, _COMMON, self._run)
        keep = None
        bad = (data["end"] < data["start"]) | (data["start"] == NULL)
        if bad.any():
            self.losses.backwards += int((bad & (data["start"] != NULL) & (data["end"] != NULL)).sum())
            keep = np.flatnonzero(~bad)
            data = {c: v[keep] for c, v in data.items()}
        pid = self._processes(data["globalPid"])
        alone = (data["graphNodeId"] == NULL) | (data["graphNodeId"] == 0) if table == KERNELS else None
        start, end, tid = self._calls.find(pid, data["correlationId"], alone)
        self.losses.without_launch += int((start == NULL).sum())
        columns = {"launch_start_ns": nullable(start), "launch_end_ns": nullable(end)}
        columns["launch_global_tid"] = nullable(tid)
        del start, end, tid
        columns |= {"start_ns": pl.Series(data.pop("start")), "end_ns": pl.Series(data.pop("end"))}
        columns |= {"global_pid": nullable(pid), "device_id": nullable(data.pop("deviceId"), pl.Int32)}
        columns["correlation_id"] = _unsigned(data.pop("correlationId"))
        return columns | self._nodes(pid, data.pop("graphNodeId")), keep

    def _processes(self, global_pid: Integers) -> Integers:
        """Exports without globalPid hold one process, or none can be told from another."""
        if len(self._calls.processes) == 1 and (global_pid == NULL).any():
            return np.where(global_pid == NULL, self._calls.processes[0], global_pid)
        return global_pid

    def _nodes(self, global_pid: Integers, node: Integers) -> dict[str, pl.Series]:
        """graph_node_id, node_created_ns and node_global_tid."""
        names = ("graph_node_id", "node_created_ns", "node_global_tid")
        replayed = np.flatnonzero((node != NULL) & (node != 0))
        if not len(replayed):
            # One column of nulls for the three: at millions of rows they would be most of the frame's growth.
            return dict.fromkeys(names, pl.repeat(None, len(node), dtype=pl.Int64, eager=True))
        node = np.where(node == 0, NULL, node)
        pairs, inverse = np.unique(np.stack([global_pid[replayed], node[replayed]]), axis=1, return_inverse=True)
        found = [self._created.get((int(p), int(n)), (NULL, NULL)) for p, n in pairs.T]
        created = np.array(found, np.int64)[inverse.reshape(-1)]
        self.losses.without_node += int((created[:, 0] == NULL).sum())
        when, where = np.full(len(node), NULL, np.int64), np.full(len(node), NULL, np.int64)
        when[replayed], where[replayed] = created[:, 0], created[:, 1]
        return dict(zip(names, (nullable(node), nullable(when), nullable(where)), strict=True))

    def _directions(self, kinds: Integers) -> pl.Series:
        labels = dict(_DIRECTIONS)
        ids = self._tables.integers(MEMCPY_DIRECTIONS, ("id",))["id"].tolist()
        labels |= {i: text for i, text in zip(ids, self._tables.texts(MEMCPY_DIRECTIONS, "label"), strict=True) if text}
        values: Sequence[int] = kinds.tolist()
        return pl.Series([labels.get(v) for v in values], dtype=pl.String)


def _kept(values: Integers, keep: Integers | None) -> Integers:
    return values if keep is None else values[keep]


def _unsigned(correlation_id: Integers) -> pl.Series:
    """The 32 bits of each id, which some versions of nsys write with a sign."""
    return nullable(np.where(correlation_id == NULL, NULL, correlation_id & 0xFFFFFFFF), pl.UInt32)
