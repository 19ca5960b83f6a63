"""The frames between reading an nsys trace and the timeline: GPU operations and NVTX ranges, one row each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from roofprof.findings import Finding
from roofprof.launches.schema import check_schema

_OPERATION: dict[str, pl.DataType] = {
    "start_ns": pl.Int64(),
    "end_ns": pl.Int64(),
    "global_pid": pl.Int64(),  # nsys' serialised process: HW:8|VM:8|PID:24|0
    "device_id": pl.Int32(),
    "correlation_id": pl.UInt32(),  # unique within a process only
    "launch_start_ns": pl.Int64(),  # the API call that launched it; null where the trace has none
    "launch_end_ns": pl.Int64(),
    "launch_global_tid": pl.Int64(),
    "graph_node_id": pl.Int64(),  # null unless a CUDA graph replayed it
    "node_created_ns": pl.Int64(),  # when the node, or the one it was cloned from, was captured
    "node_global_tid": pl.Int64(),
}
OPERATION_SCHEMA = pl.Schema(_OPERATION)
"""What kernels, memory operations and graph launches have in common: one row per GPU operation."""

KERNEL_OPERATION_SCHEMA = pl.Schema(
    {
        **_OPERATION,
        "kernel_name": pl.Categorical(),  # without templates
        "kernel_demangled_name": pl.Categorical(),
        "shape": pl.UInt32(),  # row of the shapes
    }
)

GRID = ("grid_x", "grid_y", "grid_z")
BLOCK = ("block_x", "block_y", "block_z")
SHAPE_SCHEMA = pl.Schema(dict.fromkeys((*GRID, *BLOCK), pl.Int32()))
"""Grid and block of kernels, each pair once: six columns per kernel would be a quarter of a trace's memory."""

MEMORY_OPERATION_SCHEMA = pl.Schema(
    {
        **_OPERATION,
        "kind": pl.String(),  # memcpy or memset
        "direction": pl.String(),  # Host-to-Device and so on; null for a memset
        "bytes": pl.Int64(),
    }
)

GRAPH_LAUNCH_SCHEMA = pl.Schema({**_OPERATION, "graph_id": pl.Int64()})
"""A graph traced as a whole (--cuda-graph-trace=graph): its kernels are hidden in one row."""

RANGE_SCHEMA = pl.Schema(
    {
        "range_id": pl.Int64(),  # the row of NVTX_EVENTS, from 1: what nsys stats calls RangeId
        "domain": pl.Categorical(),
        "name": pl.String(),
        "style": pl.Categorical(),  # push_pop or start_end
        "start_ns": pl.Int64(),
        "end_ns": pl.Int64(),  # null for a range that never closes
        "global_tid": pl.Int64(),
        "end_global_tid": pl.Int64(),  # null unless it ended on another thread
    }
)

KERNEL, MEMORY, GRAPH = 0, 1, 2
"""Kinds of GPU operations: kernels, memcpys and memsets, graphs traced as a whole."""


ROWS_AT_ONCE = 1 << 18
"""Operations that are worked on at a time: intermediate columns stay as small as this."""


def slices(count: int) -> Iterator[slice]:
    """Rows from 0 to `count` in runs of ROWS_AT_ONCE."""
    for low in range(0, count, ROWS_AT_ONCE):
        yield slice(low, min(low + ROWS_AT_ONCE, count))


class Operations:
    """Every GPU operation of a trace, one column at a time: the whole frame twice would not fit in memory.

    Rows are kernels, then memory operations, then graphs, each in the order of its frame.
    """

    def __init__(self, trace: "NsysTrace") -> None:
        self._frames = (trace.kernels, trace.memory_operations, trace.graph_launches)
        self.height = sum(frame.height for frame in self._frames)

    def __getitem__(self, name: str) -> pl.Series:
        """A column of OPERATION_SCHEMA, or `kind`."""
        if name == "kind":
            kinds = zip((KERNEL, MEMORY, GRAPH), self._frames, strict=True)
            return pl.concat([pl.repeat(kind, f.height, dtype=pl.Int8, eager=True) for kind, f in kinds])
        # The column of a single frame needs no copy.
        held = [frame[name] for frame in self._frames if frame.height]
        return pl.concat(held, rechunk=True) if held else self._frames[0][name]

    @property
    def frames(self) -> Sequence[pl.DataFrame]:
        """One frame per kind."""
        return self._frames


def parts(operations: Operations | pl.DataFrame, names: Sequence[str]) -> Iterator[tuple[slice, pl.DataFrame]]:
    """Columns of a few operations at a time, with their rows among all."""
    before = 0
    for frame in operations.frames if isinstance(operations, Operations) else (operations,):
        chosen = frame.select(names)
        for rows in slices(frame.height):
            yield slice(before + rows.start, before + rows.stop), chosen[rows]
        before += frame.height


@dataclass(frozen=True, slots=True)
class NsysTrace:
    """What one nsys trace holds."""

    kernels: pl.DataFrame
    """KERNEL_OPERATION_SCHEMA, in the order of start_ns."""
    shapes: pl.DataFrame
    """SHAPE_SCHEMA: what `shape` of each kernel stands for."""
    ranges: pl.DataFrame
    """RANGE_SCHEMA, every domain."""
    memory_operations: pl.DataFrame
    """MEMORY_OPERATION_SCHEMA."""
    graph_launches: pl.DataFrame
    """GRAPH_LAUNCH_SCHEMA; empty unless graphs were traced as a whole."""
    findings: tuple[Finding, ...]
    """What the reader could not use, with counts."""
    source: str = ""
    """File name, for messages."""

    def __post_init__(self) -> None:
        """Check the frames where they are made."""
        check_schema(self.kernels, KERNEL_OPERATION_SCHEMA, "the nsys reader (kernels)")
        check_schema(self.shapes, SHAPE_SCHEMA, "the nsys reader (shapes)")
        check_schema(self.ranges, RANGE_SCHEMA, "the nsys reader (ranges)")
        check_schema(self.memory_operations, MEMORY_OPERATION_SCHEMA, "the nsys reader (memory operations)")
        check_schema(self.graph_launches, GRAPH_LAUNCH_SCHEMA, "the nsys reader (graph launches)")


def with_shapes(frame: pl.DataFrame, shapes: pl.DataFrame) -> pl.DataFrame:
    """Grid and block in place of `shape`, in the order of the rows."""
    numbered = shapes.with_row_index("shape")
    return frame.join(numbered, on="shape", how="left", maintain_order="left").drop("shape")


def shapes_of_ncu() -> list[pl.Expr]:
    """ncu's `grid` and `block`, which are lists, as the columns that `with_shapes` gives."""
    return [
        pl.col(which).list.get(place, null_on_oob=True).cast(pl.Int32).alias(name)
        for which, names in (("grid", GRID), ("block", BLOCK))
        for place, name in enumerate(names)
    ]
