"""Kernels as rows: those outside all ranges beside the ops, or all of them; or launch by launch."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from roofprof.timeline.frames import BLOCK, GRID, NsysTrace, with_shapes
from roofprof.timeline.kernels import kernel_rows
from roofprof.timeline.places import Place
from roofprof.timeline.rows import DeviceRow, KernelRow, OpRow
from roofprof.timeline.timeline import Timeline

Label = Callable[[str | None], str]
"""What a kernel of a demangled name is called."""

_UNNAMED = (1 << 32) - 1
_DURATION = pl.col("end_ns") - pl.col("start_ns")


class Ranking(NamedTuple):
    """Rows of one device, the first of so many."""

    rows: list[OpRow]
    row_count: int


def kernel_op_rows(trace: NsysTrace, timeline: Timeline, outside_only: bool) -> list[OpRow]:
    """One row per kernel, by its demangled name, device and way of launching; each launch is a call.

    Args:
        trace: that the timeline was made from.
        timeline: of the trace.
        outside_only: leave out the launches that lie in a range.
    """
    count = len(timeline.devices)
    frame = owned_kernels(trace.kernels, timeline.kernels, count, outside_only)
    places = _places(timeline)
    kernels = kernel_rows(frame, trace.shapes, frame["owner"].to_numpy(), lambda owner: places[owner % count])
    start = pl.col("start_ns").sort()
    end = pl.col("end_ns").sort_by("start_ns")
    rows = (
        frame.lazy()
        .group_by("owner", maintain_order=True)
        .agg(
            pl.len().alias("calls"),
            pl.col("path").count().alias("inside"),
            pl.col("kernel_name", "kernel_demangled_name").first().cast(pl.String),
            pl.col("start_ns").min().alias("first_start_ns"),
            (end - pl.max_horizontal(start, end.cum_max().shift(1))).clip(lower_bound=0).sum().alias("total_busy_ns"),
            _DURATION.median().alias("median"),
            _DURATION.min().alias("min"),
            _DURATION.max().alias("max"),
        )
        .collect()
    )
    return op_rows_of(rows, kernels, timeline)


def owned_kernels(kernels: pl.DataFrame, paths: pl.DataFrame, place_count: int, outside_only: bool) -> pl.DataFrame:
    """Kernels with their names, shape, times, `path` and `owner`: demangled name, way of launching and place.

    Args:
        kernels: KERNEL_OPERATION_SCHEMA.
        paths: of each, as `Timeline.kernels` has them.
        place_count: how many places the trace has.
        outside_only: leave out those that lie in a range.
    """
    frame = kernels.select("kernel_name", "kernel_demangled_name", "shape", "start_ns", "end_ns").with_columns(paths)
    if outside_only:
        frame = frame.filter(pl.col("path").is_null())
    code = pl.col("kernel_demangled_name").to_physical().cast(pl.Int64).fill_null(_UNNAMED)
    return frame.with_columns(owner=(code * 2 + pl.col("replayed")) * place_count + pl.col("place"))


def op_rows_of(frame: pl.DataFrame, kernels: Mapping[int, list[KernelRow]], timeline: Timeline) -> list[OpRow]:
    """Rows of kernels, in the order of the first launch.

    Args:
        frame: one row per owner: calls, times and names.
        kernels: of each owner.
        timeline: whose devices they ran on.
    """
    count = len(timeline.devices)
    rows = frame.to_dicts()
    label = kernel_labels([row["kernel_demangled_name"] or row["kernel_name"] for row in rows])
    found = []
    for row in sorted(rows, key=lambda row: row["first_start_ns"]):
        owner = row["owner"]
        row["replayed"] = owner // count % 2 == 1
        row["op"] = label(row["kernel_demangled_name"] or row["kernel_name"])
        found.append(_row(row, [], owner % count, timeline, kernels[owner]))
    return found


def launch_op_rows(
    trace: NsysTrace, timeline: Timeline, only: Callable[[str], bool] | None, longest_first: bool, top: int | None
) -> list[Ranking]:
    """One row per launch of a kernel, for each device.

    Args:
        trace: that the timeline was made from.
        timeline: of the trace.
        only: which labels of kernels to take; None takes all.
        longest_first: by duration, or else by start.
        top: how many of each device; None takes all.
    """
    columns = ("kernel_name", "kernel_demangled_name", "shape", "start_ns", "end_ns")
    frame = trace.kernels.select(columns).with_columns(timeline.kernels)
    names = pl.coalesce(pl.col("kernel_demangled_name").cast(pl.String), pl.col("kernel_name").cast(pl.String))
    distinct = trace.kernels.select("kernel_demangled_name", "kernel_name").unique().select(names)
    label = kernel_labels(distinct.to_series().to_list())
    if only is not None:
        wanted = [name for name in distinct.to_series().unique().to_list() if only(label(name))]
        frame = frame.filter(names.is_in(wanted))
    frames = [frame.filter(pl.col("place") == number) for number in range(len(timeline.devices))]
    del frame
    found = []
    for number, here in enumerate(frames):
        ordered = here.sort(_DURATION, descending=True, maintain_order=True) if longest_first else here.sort("start_ns")
        chosen = with_shapes(ordered.head(top) if top else ordered, trace.shapes)
        rows = [_launch_row(row, number, timeline, label) for row in chosen.iter_rows(named=True)]
        found.append(Ranking(rows, here.height))
    return found


def _launch_row(row: Mapping[str, Any], number: int, timeline: Timeline, label: Label) -> OpRow:
    """The row of one launch on one device."""
    times = dict.fromkeys(("median", "min", "max", "total_busy_ns"), row["end_ns"] - row["start_ns"])
    name = label(row["kernel_demangled_name"] or row["kernel_name"])
    known = {
        **row,
        **times,
        "calls": 1,
        "inside": int(row["path"] is not None),
        "first_start_ns": row["start_ns"],
        "op": name,
    }
    path = [] if row["path"] is None else list(timeline.paths[row["path"]])
    return _row(known, path, number, timeline, [_launch(known, timeline.devices[number])])


def _launch(row: Mapping[str, Any], device: DeviceRow) -> KernelRow:
    duration = row["median"]
    return {
        "kernel_name": row["kernel_name"],
        "kernel_demangled_name": row["kernel_demangled_name"],
        "grid": [row[c] for c in GRID],
        "block": [row[c] for c in BLOCK],
        "launch_count": 1,
        "process_id": device["process_id"],
        "device_id": device["device_id"],
        "total_ns": duration,
        "mean_ns": duration,
        "min_ns": duration,
        "max_ns": duration,
    }


def _places(timeline: Timeline) -> list[Place]:
    return [Place(device["process_id"], device["device_id"]) for device in timeline.devices]


def _row(row: Mapping[str, Any], path: list[str], place: int, timeline: Timeline, kernels: list[KernelRow]) -> OpRow:
    """A row of kind `kernel`: what nothing is known of, such as idle time, is null."""
    device = timeline.devices[place]
    total, median = row["total_busy_ns"], row["median"]
    return {
        "op": row["op"],
        "implementation": None,
        "kind": "kernel",
        "process_id": device["process_id"],
        "device_id": device["device_id"],
        "nvtx_path": path,
        "launch": "graph" if row["replayed"] else "stream",
        "calls": row["calls"],
        "calls_in_ranges": row["inside"],
        "first_start_ns": row["first_start_ns"],
        "total_busy_ns": total,
        "nsys_duration_ns": median,
        "nsys_union_ns": median,
        "nsys_projected_ns": median,
        "share": total / device["busy_ns"] if device["busy_ns"] else None,
        "busy_ns": median,
        "memory_duration_ns": 0,
        "gap_ns": None,
        "gap_before_ns": None,
        "launch_bound_ns": None,
        "spread": {"busy_ns": [row["min"], row["max"]]},
        "kernels": kernels,
        "memory_operations": [],
    }


_RETURN = re.compile(r"^(static )?(void|int|float|double|bool) ")


def kernel_labels(names: Sequence[str | None]) -> Label:
    """What each kernel is called: without return type and arguments, unless two would then be called the same."""
    count = Counter(_short(name) for name in set(names) if name)
    return lambda name: (_short(name) if count[_short(name)] < 2 else name) if name else "(unnamed)"


def _short(name: str) -> str:
    """A demangled name without return type and arguments; templates stay."""
    text = _RETURN.sub("", name)
    if not text.endswith(")"):
        return text
    depth = 0
    for at in range(len(text) - 1, 0, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if not depth:
            return text[:at].rstrip()
    return text
