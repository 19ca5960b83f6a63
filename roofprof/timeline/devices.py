"""What each device did: busy and idle, compute and communication, copies, and how much of it ranges cover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.launches.kernel_names import is_communication_kernel
from roofprof.timeline.call_times import IdleTimes
from roofprof.timeline.frames import NsysTrace, Operations
from roofprof.timeline.nesting import Booleans, Integers
from roofprof.timeline.op_calls import Attribution
from roofprof.timeline.places import Covered, Place, Places, covered
from roofprof.timeline.rows import CopyRow, DeviceRow


def device_rows(
    trace: NsysTrace, operations: Operations, attribution: Attribution, places: Places, idle: IdleTimes
) -> tuple[DeviceRow, ...]:
    """One row per place, in the order of process and device. All times are unions of intervals.

    Args:
        trace: of the operations.
        operations: all of them.
        attribution: of them.
        places: of them.
        idle: of each place.
    """
    start, end = operations["start_ns"].to_numpy(), operations["end_ns"].to_numpy()
    busy = covered(places, start, end)
    count = trace.kernels.height
    communicates = np.zeros(len(start), bool)
    communicates[:count] = communication_kernels(trace.kernels)
    is_kernel = np.arange(len(start)) < count
    kernels = busy if count == len(start) else covered(places, start, end, is_kernel)
    communication = _unless_none(communicates, places, start, end)
    compute = covered(places, start, end, is_kernel & ~communicates) if communicates.any() else kernels
    inside = attribution.key >= 0
    attributed = busy if inside.all() else _unless_none(inside, places, start, end)
    after = slice(count, count + trace.memory_operations.height)
    memory = _unless_none(~is_kernel & (np.arange(len(start)) < after.stop), places, start, end)
    graphs = _unless_none(np.arange(len(start)) >= after.stop, places, start, end)
    copies = copy_rows(copy_counts(trace.memory_operations, places.number[after]))
    times = DeviceTimes(busy, kernels, compute, communication, attributed, memory, graphs)
    return rows_of(times, copies, idle, places.known)


@dataclass(frozen=True, slots=True)
class DeviceTimes:
    """What the operations of each place cover, by kind."""

    busy: Covered
    kernels: Covered
    compute: Covered
    communication: Covered
    attributed: Covered
    memory: Covered
    graphs: Covered


def rows_of(
    times: DeviceTimes, copies: Mapping[int, list[CopyRow]], idle: IdleTimes, known: Sequence[Place]
) -> tuple[DeviceRow, ...]:
    """One row per place.

    Args:
        times: of the places.
        copies: by number of the place.
        idle: of each place.
        known: the places.
    """
    rows = []
    busy, kernels, compute, communication = times.busy, times.kernels, times.compute, times.communication
    for number, place in enumerate(known):
        both = compute.union_ns[number] + communication.union_ns[number] - kernels.union_ns[number]
        span = busy.last_ns[number] - busy.first_ns[number]
        rows.append(
            DeviceRow(
                process_id=place.process_id,
                device_id=place.device_id,
                span_ns=int(span),
                busy_ns=int(busy.union_ns[number]),
                idle_ns=int(span - busy.union_ns[number]),
                gap_count=int(idle.count[number]),
                longest_gap_ns=int(idle.longest_ns[number]),
                launch_bound_ns=int(idle.launch_bound_ns[number]),
                kernel_count=int(kernels.count[number]),
                kernel_ns=int(kernels.union_ns[number]),
                compute_ns=int(compute.union_ns[number]),
                communication_ns=int(communication.union_ns[number]),
                overlap_ns=int(both),
                compute_only_ns=int(compute.union_ns[number] - both),
                communication_only_ns=int(communication.union_ns[number] - both),
                memory_ns=int(times.memory.union_ns[number]),
                whole_graph_ns=int(times.graphs.union_ns[number]),
                in_ranges_ns=int(times.attributed.union_ns[number]),
                coverage=_share(times.attributed.union_ns[number], busy.union_ns[number]),
                copies=copies.get(number, []),
            )
        )
    return tuple(rows)


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _unless_none(chosen: Booleans, places: Places, start: Integers, end: Integers) -> Covered:
    """What the chosen operations cover; nothing is swept where there are none."""
    if chosen.any():
        return covered(places, start, end, chosen)
    nothing = np.zeros(len(places.known), np.int64)
    return Covered(nothing, nothing, nothing, nothing)


def communication_kernels(kernels: pl.DataFrame) -> Booleans:
    """Which kernels (KERNEL_OPERATION_SCHEMA) move data between GPUs, by their demangled or their short name."""
    found = np.zeros(kernels.height, bool)
    for column in ("kernel_demangled_name", "kernel_name"):
        names = kernels[column].unique().drop_nulls()
        wanted = [name for name in names.cast(pl.String).to_list() if is_communication_kernel(name)]
        if wanted:
            found |= kernels[column].is_in(wanted).fill_null(False).to_numpy()
    return found


def copy_counts(operations: pl.DataFrame, place: Integers) -> pl.DataFrame:
    """Memcpys by direction and memsets of each place, in the order in which they first come."""
    duration = pl.col("end_ns") - pl.col("start_ns")
    places = pl.Series("place", place, dtype=pl.Int32)
    return add_copies(operations.select("kind", "direction", "bytes", places, duration=duration, count=pl.lit(1)))


def add_copies(counts: pl.DataFrame) -> pl.DataFrame:
    """Those of several parts of a trace together."""
    return counts.group_by("place", "kind", "direction", maintain_order=True).agg(
        pl.col("count").sum(),
        pl.col("duration").sum(),
        # Bytes of some only would hide that those of the others are unknown.
        pl.when(pl.col("bytes").null_count() == 0).then(pl.col("bytes").sum()).alias("bytes"),
    )


def copy_rows(counts: pl.DataFrame) -> dict[int, list[CopyRow]]:
    """The copies of each place, the longest in total first; of one length in the order of their names."""
    found: dict[int, list[CopyRow]] = {}
    ordered = counts.sort("duration", "kind", "direction", descending=[True, False, False], maintain_order=True)
    for row in ordered.iter_rows(named=True):
        entry = CopyRow(
            kind=row["kind"],
            direction=row["direction"],
            count=row["count"],
            bytes=row["bytes"],
            duration_ns=row["duration"],
        )
        found.setdefault(row["place"], []).append(entry)
    return found


def device_title(row: DeviceRow) -> str:
    """`GPU 0, process 4242`."""
    device = "an unknown GPU" if row["device_id"] is None else f"GPU {row['device_id']}"
    return device if row["process_id"] is None else f"{device}, process {row['process_id']}"


def several_places(devices: Sequence[DeviceRow]) -> str:
    """The places of a trace in words, for messages."""
    processes = len({row["process_id"] for row in devices})
    return f"{len(devices)} GPUs" + (f" of {processes} processes" if processes > 1 else "")
