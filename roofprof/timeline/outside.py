"""nsys' times of ncu's launches one by one: those in ranges by their join, others by name, shape and ordinal."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from roofprof.timeline.frames import BLOCK, GRID, NsysTrace, shapes_of_ncu, with_shapes
from roofprof.timeline.intervals import grouped
from roofprof.timeline.join import Join, numbered
from roofprof.timeline.timeline import Timeline

_GRAPH = "graph"
_NAMES = ("kernel_demangled_name", "kernel_name")
"""The tools may print templates differently: by full name first, the rest by the function's."""

_TIMES = ("start_ns", "end_ns")


class Span(NamedTuple):
    """When a launch ran, by nsys' clock."""

    start_ns: int
    end_ns: int
    union_ns: int
    """The part of it in which a kernel ran: all of it, but for a graph with pauses."""


SPAN_SCHEMA = pl.Schema({"launch_id": pl.Int64(), **dict.fromkeys(Span._fields, pl.Int64())})
"""One row per launch that both tools saw."""


def launch_spans(launches: pl.DataFrame, trace: NsysTrace, timeline: Timeline, join: Join) -> pl.DataFrame:
    """SPAN_SCHEMA: launches in ranges as they were joined, and those in none that can be paired.

    Outside ranges nothing says which of several launches is which, so a kernel of one shape is paired only where both
    tools saw as many, in one process on one device. Whole graphs are paired with nsys' replays in the same way.

    Args:
        launches: of one report, with `nvtx_path` and `workload_type`.
        trace: nsys' trace of the same command.
        timeline: made from it.
        join: of the launches in ranges.
    """
    outside, joined = launches.filter(pl.col("nvtx_path").is_null()), _in_ranges(trace, join).cast(SPAN_SCHEMA)
    if outside.is_empty():
        return joined
    graphs = outside.filter(pl.col("workload_type") == _GRAPH).sort("launch_id")
    found = [_kernels(outside, _outside(trace, timeline), whole_graphs=graphs.height > 0)]
    if graphs.height and (replays := _replays(trace)).height == graphs.height:
        found.append(pl.concat([graphs.select("launch_id"), replays], how="horizontal"))
    return pl.concat([joined, *(frame.cast(SPAN_SCHEMA) for frame in found)])


def row_spans(launches: pl.DataFrame, spans: pl.DataFrame) -> Mapping[int, Sequence[Span]]:
    """The launches of each row of a kernel, in their order; rows of which a launch is not in `spans` are left out.

    Args:
        launches: of one report, with the columns of `with_rows`.
        spans: SPAN_SCHEMA.
    """
    rows = launches.filter(pl.col("kind") == "kernel").select("launch_id", "row")
    joined = rows.join(spans, on="launch_id", how="left").sort("row", "launch_id")
    known = joined.filter(pl.col("start_ns").is_not_null().all().over("row"))
    found: dict[int, list[Span]] = {}
    for row, *times in known.select("row", *Span._fields).iter_rows():
        found.setdefault(row, []).append(Span(*times))
    return found


def _in_ranges(trace: NsysTrace, join: Join) -> pl.DataFrame:
    """Launches that were joined by their range: `launch_id` and a span."""
    at = join.matched["kernel_row"]
    return pl.concat([join.matched.select("launch_id"), _spans(trace.kernels[at.to_list()])], how="horizontal")


def _spans(kernels: pl.DataFrame) -> pl.DataFrame:
    return kernels.select(*_TIMES, union_ns=pl.col("end_ns") - pl.col("start_ns"))


def _outside(trace: NsysTrace, timeline: Timeline) -> pl.DataFrame:
    """nsys' kernels in no range, in the order of launch."""
    columns = ("start_ns", "end_ns", "launch_start_ns", "global_pid", "device_id", "graph_node_id", "shape")
    frame = trace.kernels.select(*columns, pl.col(_NAMES).cast(pl.String))
    outside = frame.filter(timeline.kernels["path"].is_null())
    return with_shapes(outside, trace.shapes).sort(
        pl.coalesce("launch_start_ns", "start_ns"), "start_ns", maintain_order=True
    )


def _kernels(launches: pl.DataFrame, kernels: pl.DataFrame, whole_graphs: bool) -> pl.DataFrame:
    """Single kernels: `launch_id` and a span of those that can be paired."""
    if whole_graphs:  # what ran in them is in ncu's result of the graph
        kernels = kernels.filter(pl.col("graph_node_id").is_null())
    theirs = kernels.with_row_index("kernel_row")
    ours = launches.filter(pl.col("workload_type") == "kernel").sort("launch_id").with_columns(shapes_of_ncu())
    found = []
    for name in _NAMES:
        key = (name, *GRID, *BLOCK)
        one_place = (pl.struct("global_pid", "device_id").n_unique() == 1).over(*key)
        placed = _counted(theirs.filter(one_place), key).select(*key, "ordinal", "count", "kernel_row", *_TIMES)
        pairs = _counted(ours, key).join(placed, on=[*key, "ordinal", "count"], how="inner")
        found.append(pl.concat([pairs.select("launch_id"), _spans(pairs)], how="horizontal"))
        ours = ours.join(pairs, on="launch_id", how="anti", maintain_order="left")
        theirs = theirs.join(pairs, on="kernel_row", how="anti", maintain_order="left")
    return pl.concat(found)


def _counted(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    return numbered(frame, key).with_columns(count=pl.len().over(*key))


def _replays(trace: NsysTrace) -> pl.DataFrame:
    """Each replay of a graph, in their order: from its first kernel's start to its last one's end."""
    whole = trace.graph_launches
    if whole.height:
        return _spans(whole.sort("start_ns"))
    nodes = trace.kernels.filter(pl.col("graph_node_id").is_not_null()).sort("start_ns").with_row_index("first")
    first = nodes.select(pl.col("first").min().over("global_pid", "device_id", "correlation_id").cast(pl.Int64))
    start, end = (nodes[name].to_numpy() for name in _TIMES)
    replays = grouped(first.to_series().to_numpy(), start)
    return pl.DataFrame(
        dict(zip(Span._fields, (replays.min(start), replays.max(end), replays.union(start, end)), strict=True))
    )
