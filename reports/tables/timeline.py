"""The timeline as a table in the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from roofprof.formatting import format_number, format_percent, format_si, printable
from roofprof.names.reading import read_path
from roofprof.reports.tables.terminal import shown
from roofprof.timeline.rows import OpRow
from roofprof.timeline.timeline import Timeline

WIDTH = 100
"""Columns that the table fits in."""

_MAX_NAMES = 2


def timeline_table(name: str, timeline: Timeline, ops: Sequence[OpRow]) -> Table:
    """One row per op: its time and share, how long the GPU was idle for it, and its kernels.

    Args:
        name: of the trace.
        timeline: of the trace.
        ops: the timeline's ops to show, in the order to show.
    """
    table = Table(
        title=_plain(f"{name}, NVTX domain {timeline.domain or 'none'}"),
        title_justify="left",
        width=WIDTH,
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("op", ratio=4, overflow="fold")
    table.add_column("calls", justify="right", no_wrap=True)
    table.add_column("time µs", justify="right", no_wrap=True)
    table.add_column("span µs", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("gap µs", justify="right", no_wrap=True)
    table.add_column("before µs", justify="right", no_wrap=True)
    table.add_column("kernels", ratio=3, overflow="ellipsis", no_wrap=True)
    for op in ops:
        table.add_row(
            _op_name(op),
            str(op["calls"]),
            _microseconds(op["busy_ns"]),
            _microseconds(op["nsys_projected_ns"]),
            format_percent(op["share"]),
            _microseconds(op["gap_ns"]),
            _microseconds(op["gap_before_ns"]),
            _kernels(op),
        )
    return table


def timeline_notes(timeline: Timeline, shown: int) -> list[str]:
    """Lines below the table: totals, and operations in no range."""
    layer, outside = timeline.layer, timeline.unattributed
    notes = []
    if shown < len(timeline.ops):
        notes.append(f"{len(timeline.ops) - shown} more ops are not shown")
    if timeline.ops:
        notes.append(
            f"all calls: GPU busy {_time(layer['busy_ns'])}, idle within ops {_time(layer['gap_ns'])}, "
            f"before them {_time(layer['gap_before_ns'])}; "
            f"of the idle time, {_time(layer['launch_bound_ns'])} waiting for launches"
        )
    if outside["launch_count"] or outside["memory_operation_count"] or outside["graph_launch_count"]:
        notes.append(
            f"in no range: {outside['launch_count']} kernels ({_time(outside['duration_ns'])}), "
            f"{outside['memory_operation_count']} memcpys and memsets ({_time(outside['memory_duration_ns'])}), "
            f"{outside['graph_launch_count']} whole graphs ({_time(outside['graph_duration_ns'])})"
        )
    return notes


def _plain(text: str) -> Text:
    return shown(printable(text))


def _op_name(op: OpRow) -> Text:
    path = [read_path((name,)).op for name in op["nvtx_path"]]
    mark = " (graph)" if op["launch"] == "graph" else ""
    return _plain(" / ".join(path) + mark)


def _kernels(op: OpRow) -> Text:
    names = list(dict.fromkeys(kernel["kernel_name"] or "?" for kernel in op["kernels"]))
    names += list(dict.fromkeys(operation["kind"] for operation in op["memory_operations"]))
    shown = ", ".join(names[:_MAX_NAMES])
    more = f" +{len(names) - _MAX_NAMES}" if len(names) > _MAX_NAMES else ""
    return _plain(shown + more)


def _microseconds(nanoseconds: float | None) -> str:
    return format_number(None if nanoseconds is None else nanoseconds / 1000)


def _time(nanoseconds: float | None) -> str:
    return format_si(None if nanoseconds is None else nanoseconds * 1e-9, "s")
