"""A timeline for ui.perfetto.dev: ops and kernels of each GPU as slices, what is known of an op as its arguments.

The form is Chrome's trace events, JSON: complete events (`ph: X`), times in microseconds from the first operation.
"""

import heapq
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from roofprof.files import write_output
from roofprof.results.op import OpResult
from roofprof.timeline.devices import device_title
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.rows import RangePath
from roofprof.timeline.timeline import Timeline

_WORK = ("cache", "dram_bytes", "flop_count", "mufu_count", "arithmetic_intensity", "headroom_ns", "headroom_roof")
_OP_LANES, _KERNEL_LANES = 1, 1001
"""First thread numbers: what runs side by side needs lanes of its own."""

Event = dict[str, Any]
Slice = tuple[int, int, str, Event]
"""Start and end in ns, name, arguments."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One trace to show."""

    name: str
    trace: NsysTrace
    timeline: Timeline
    work: Mapping[RangePath, OpResult]
    """By the key of an op's path: its row, where counters were read."""


def write_perfetto(path: Path, traces: Sequence[Traced]) -> Path:
    """Write the trace events of one or several traces, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """

    def write(partial: Path) -> None:
        with partial.open("w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit": "ns", "traceEvents": [')
            for number, event in enumerate(_events(traces)):
                file.write(("\n" if not number else ",\n") + json.dumps(event, allow_nan=False))
            file.write("\n]}\n")

    return write_output(path, write, "choose another path with --perfetto")


def _events(traces: Sequence[Traced]) -> Iterator[Event]:
    process = 0
    for traced in traces:
        starts = (traced.timeline.calls["first_start_ns"].min(), traced.trace.kernels["start_ns"].min())
        origin = min((start for start in starts if isinstance(start, int)), default=0)
        for place, device in enumerate(traced.timeline.devices):
            process += 1
            yield _named("process_name", process, 0, f"{traced.name}, {device_title(device)}")
            yield from _lanes(_calls(traced, place), process, _OP_LANES, "ops", origin)
            yield from _lanes(_kernels(traced, place), process, _KERNEL_LANES, "kernels", origin)


def _calls(traced: Traced, place: int) -> Iterator[Slice]:
    timeline = traced.timeline
    keys = [timeline.key_of(path) for path in timeline.paths]
    names: dict[RangePath, str] = {timeline.key_of(row["nvtx_path"]): row["op"] for row in timeline.ops}
    for row in timeline.calls.filter(pl.col("place") == place).iter_rows(named=True):
        key, path = keys[row["path"]], timeline.paths[row["path"]]
        told = {name: row[name] for name in ("duration_ns", "union_ns", "gap_ns", "launch_bound_ns")}
        arguments = {"nvtx_path": list(path), **told, **_counters(traced.work.get(key))}
        yield row["first_start_ns"], row["last_end_ns"], names.get(key) or path[-1], arguments


def _counters(op: OpResult | None) -> Event:
    """What ncu counted of the op's median call; nothing where no counters were read."""
    if op is None:
        return {}
    known = {name: getattr(op, name) for name in _WORK} | {"roof_fraction": op.of_roof, "bound": op.measured_on.bound}
    return {f"ncu_{name}": value for name, value in known.items()}


def _kernels(traced: Traced, place: int) -> Iterator[Slice]:
    columns = traced.trace.kernels.select(
        "start_ns", "end_ns", pl.col("kernel_name", "kernel_demangled_name").cast(pl.String)
    )
    chosen = columns.filter(traced.timeline.kernels["place"] == place)
    for start, end, name, whole in chosen.iter_rows():
        yield start, end, name or whole or "kernel", {"name": whole}


def _lanes(slices: Iterable[Slice], process: int, first: int, word: str, origin: int) -> Iterator[Event]:
    """The slices as events; one that begins before another ended goes to the next free lane."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    count = 0
    for start, end, name, arguments in sorted(slices, key=lambda each: each[:2]):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, count = count, count + 1
            yield _named("thread_name", process, first + lane, word if not lane else f"{word}, beside")
        heapq.heappush(busy, (end, lane))
        times = {"ts": microseconds(start - origin), "dur": microseconds(end - start)}
        yield {"ph": "X", "name": name, "cat": word, "pid": process, "tid": first + lane, **times, "args": arguments}


def microseconds(ns: int) -> float:
    """As JSON's number of microseconds that is the same nanoseconds again for a reader who cuts them off, or rounds.

    Perfetto multiplies by 1000 and cuts: 1.001 would be 1,000 ns, and slices that only touch would overlap, which it
    drops.
    """
    value = ns / 1e3
    return value if int(value * 1e3) == ns else math.nextafter(value, math.inf)


def _named(what: str, process: int, thread: int, name: str) -> Event:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}
