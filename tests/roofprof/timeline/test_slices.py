"""However few operations are worked on at a time, the timeline is the same."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import assert_same

from roofprof.timeline import frames
from roofprof.timeline.frames import (
    GRAPH_LAUNCH_SCHEMA,
    KERNEL_OPERATION_SCHEMA,
    MEMORY_OPERATION_SCHEMA,
    OPERATION_SCHEMA,
    RANGE_SCHEMA,
    SHAPE_SCHEMA,
    NsysTrace,
    Operations,
)
from roofprof.timeline.op_calls import replays_of
from roofprof.timeline.places import place_keys
from roofprof.timeline.shown.document import RankedTimeline, timeline_document
from roofprof.timeline.shown.kernel_ops import kernel_op_rows
from roofprof.timeline.shown.ranking import Wanted, ranked_rows
from roofprof.timeline.streamed.source import StreamedTrace
from roofprof.timeline.streamed.timeline import stream_timeline
from roofprof.timeline.timeline import Timeline, build_timeline

PROCESS = 1 << 24
TIMES = st.integers(0, 40)
THREADS = st.integers(PROCESS, PROCESS + 1)

RANGES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["push_pop", "start_end"]), TIMES, TIMES, THREADS))
Launch = tuple[int, int, int] | None
Row = tuple[int, int, int | None, int, Launch, tuple[int, int] | None]

OPERATIONS: st.SearchStrategy[Row] = st.tuples(
    TIMES,  # start and length
    st.integers(0, 9),
    st.sampled_from([None, 0, 1]),  # device
    st.integers(1, 4),  # correlation id
    st.one_of(st.none(), st.tuples(TIMES, st.integers(0, 5), THREADS)),  # launch
    st.one_of(st.none(), st.none(), st.tuples(TIMES, THREADS)),  # capture of the node
)


def _operations(rows: list[Row], schema: pl.Schema, **more: Sequence[object]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {name: [None] * len(rows) for name in schema}
    names = ("start_ns", "end_ns", "device_id", "correlation_id", "launch_start_ns", "launch_end_ns")
    for name in (*names, "launch_global_tid", "graph_node_id", "node_created_ns", "node_global_tid", "global_pid"):
        columns[name] = []
    columns |= {name: list(values) for name, values in more.items()}
    for start, length, device, correlation, launch, node in rows:
        values = {
            "start_ns": start, "end_ns": start + length, "device_id": device, "global_pid": PROCESS,
            "correlation_id": correlation, "launch_start_ns": launch and launch[0],
            "launch_end_ns": launch and launch[0] + launch[1], "launch_global_tid": launch and launch[2],
            "graph_node_id": node and 1, "node_created_ns": node and node[0], "node_global_tid": node and node[1],
        }  # fmt: skip
        for name, value in values.items():
            columns[name].append(value)
    return pl.DataFrame(columns, schema=schema)


@st.composite
def traces(draw: st.DrawFn) -> NsysTrace:
    """A trace of few operations and ranges, in any order."""
    kernels = draw(st.lists(OPERATIONS, min_size=1, max_size=30))
    copies, graphs = draw(st.lists(OPERATIONS, max_size=8)), draw(st.lists(OPERATIONS, max_size=3))
    names = [draw(st.sampled_from(["k", "l", None])) for _ in kernels]
    shapes = [draw(st.integers(0, 1)) for _ in kernels]
    ranges = [
        (i, "roofprof", name, style, start, start + length, thread, None)
        for i, (name, style, start, length, thread) in enumerate(draw(RANGES))
    ]
    return NsysTrace(
        kernels=_operations(
            kernels, KERNEL_OPERATION_SCHEMA, kernel_name=names, kernel_demangled_name=names, shape=shapes
        ),
        shapes=pl.DataFrame([[1] * 6, [None] * 6], schema=SHAPE_SCHEMA, orient="row"),
        ranges=pl.DataFrame(ranges, schema=RANGE_SCHEMA, orient="row"),
        memory_operations=_operations(copies, MEMORY_OPERATION_SCHEMA, kind=["memcpy"] * len(copies)),
        graph_launches=_operations(graphs, GRAPH_LAUNCH_SCHEMA),
        findings=(),
    )


def _line(trace: NsysTrace, size: int) -> Timeline:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "ROWS_AT_ONCE", size)
        return build_timeline(trace)


@given(traces(), st.sampled_from([1, 2, 3, 7, 16]))
def test_the_timeline_does_not_depend_on_how_many_are_taken_at_a_time(trace: NsysTrace, size: int) -> None:
    whole, sliced = _line(trace, 1 << 18), _line(trace, size)
    documents = [
        timeline_document([RankedTimeline("t", line, ranked_rows(trace, line, Wanted()))]) for line in (sliced, whole)
    ]
    assert documents[0] == documents[1]
    assert sliced.calls.equals(whole.calls)
    assert sliced.kernels.equals(whole.kernels)
    assert sliced.paths == whole.paths


def _parts(trace: NsysTrace, size: int) -> Iterator[NsysTrace]:
    """The trace in stretches of time, of so many different starts each."""
    whole = (trace.kernels, trace.memory_operations, trace.graph_launches)
    starts = pl.concat([frame["start_ns"] for frame in whole]).unique().sort().to_list()
    for low in range(0, len(starts), size):
        here = starts[low : low + size]
        kernels, memory, graphs = (f.filter(pl.col("start_ns").is_in(here)).sort("start_ns") for f in whole)
        yield replace(trace, kernels=kernels, memory_operations=memory, graph_launches=graphs)


def _streamed(trace: NsysTrace, size: int) -> StreamedTrace:
    operations = Operations(trace)
    return StreamedTrace(
        parts=lambda: _parts(trace, size),
        ranges=trace.ranges,
        shapes=trace.shapes,
        place_keys=place_keys(operations),
        replays=replays_of(operations)[1],
        kernel_count=trace.kernels.height,
        operation_count=operations.height,
        findings=trace.findings,
    )


@given(traces(), st.sampled_from([1, 2, 3, 7]), st.booleans())
def test_a_timeline_of_parts_is_that_of_the_whole(trace: NsysTrace, size: int, outside_only: bool) -> None:
    whole = build_timeline(trace)
    streamed, kernels = stream_timeline(_streamed(trace, size), kernels_outside_only=outside_only)
    assert_same(streamed, kernels, whole, kernel_op_rows(trace, whole, outside_only))


def test_columns_of_operations_are_the_same_in_parts() -> None:
    frame = pl.DataFrame({name: range(5) for name in OPERATION_SCHEMA}, schema=OPERATION_SCHEMA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "ROWS_AT_ONCE", 2)
        found = list(frames.parts(frame, ["end_ns"]))
    assert [(rows.start, rows.stop, part["end_ns"].to_list()) for rows, part in found] == [
        (0, 2, [0, 1]), (2, 4, [2, 3]), (4, 5, [4]),
    ]  # fmt: skip
