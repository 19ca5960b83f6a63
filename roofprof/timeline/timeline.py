"""The timeline of a layer: what each op took on the GPU, out of an nsys trace.

Three times per op, each the median over its calls: the sum of its kernels, the union of their intervals, and
the projected span from its first GPU operation to the end of its last. docs/timeline.md explains them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import polars as pl

from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.launches.attribution import require_domain
from roofprof.timeline.call_times import call_times
from roofprof.timeline.devices import device_rows
from roofprof.timeline.doubts import timeline_doubts
from roofprof.timeline.frames import GRAPH, KERNEL, MEMORY, NsysTrace, Operations
from roofprof.timeline.kernels import kernel_rows, memory_rows
from roofprof.timeline.op_calls import Attribution, PathNumbers, attribute_operations
from roofprof.timeline.op_names import Layers, read_key
from roofprof.timeline.op_rows import Details, MedianRow, RowNumbers, exact_totals, medians, op_row
from roofprof.timeline.places import Places, find_places
from roofprof.timeline.range_paths import NO_PATH
from roofprof.timeline.rows import DeviceRow, LayerTotals, OpRow, RangePath, UnattributedCounts, UnattributedOperations


@dataclass(frozen=True, slots=True)
class Timeline:
    """A layer in time."""

    domain: str | None
    """NVTX domain of the ops; None where the trace has no ranges."""
    calls: pl.DataFrame
    """CALL_SCHEMA."""
    ops: tuple[OpRow, ...]
    """One row per op, way of launching and device, in the order of the first call."""
    devices: tuple[DeviceRow, ...]
    """One row per device of each process; `place` elsewhere is a position here."""
    layer: LayerTotals
    unattributed: UnattributedOperations
    paths: tuple[RangePath, ...]
    """Every path of the domain, range names from the outermost in."""
    kernels: pl.DataFrame
    """`path` (position in `paths`, null outside any range), `replayed` and `place` of each kernel of the trace."""
    findings: tuple[Finding, ...]
    layers: Layers = "folded"
    """Whether layers are told apart."""

    def key_of(self, path: Sequence[str]) -> RangePath:
        """What two paths of one op have in common."""
        return read_key(path, self.domain, self.layers).key


def build_timeline(trace: NsysTrace, domain: str | None = None, layers: Layers = "folded") -> Timeline:
    """The timeline of a trace.

    Args:
        trace: what `read_nsys_trace` gives.
        domain: NVTX domain of the ops; None chooses (`require_domain`).
        layers: calls in different layers are one op's, or each layer has its own.

    Raises:
        ReportError: the trace holds no GPU operation; with what nsys says of it.
        UsageError: the domain is not there, or must be chosen.
    """
    operations = Operations(trace)
    if not operations.height:
        raise empty_trace(trace.findings, trace.source)
    chosen = require_domain(trace.ranges["domain"].unique().to_list(), domain)
    places = find_places(operations)
    attribution = attribute_operations(operations, trace.ranges, chosen, places)
    calls, idle = call_times(operations, attribution, places)
    devices = device_rows(trace, operations, attribution, places, idle)
    path = attribution.path_of(attribution.key)
    numbers = RowNumbers.of(attribution.paths, places, lambda path: read_key(path, chosen, layers))
    owner = numbers.of_operations(attribution, path)
    count, memory_count = trace.kernels.height, trace.memory_operations.height
    details = Details(
        kernel_rows(trace.kernels, trace.shapes, owner[:count], numbers.place_of),
        memory_rows(trace.memory_operations, owner[count : count + memory_count], numbers.place_of),
    )
    rows = medians(calls, numbers)
    exact = exact_totals(rows, operations, owner)
    return Timeline(
        domain=chosen,
        calls=calls,
        ops=tuple(op_rows(rows, exact, numbers, attribution.paths, devices, details)),
        devices=devices,
        layer=layer_totals(calls),
        unattributed=with_rows(outside_counts(operations, path), details, len(places.known)),
        paths=tuple(attribution.paths),
        kernels=kernel_paths(numbers.first_paths()[path[:count]], attribution, places),
        findings=(*trace.findings, *timeline_doubts(trace, operations, attribution, chosen, devices)),
        layers=layers,
    )


def op_rows(
    rows: pl.DataFrame,
    exact: Mapping[int, int],
    numbers: RowNumbers,
    paths: Sequence[RangePath],
    devices: Sequence[DeviceRow],
    details: Details,
) -> Iterator[OpRow]:
    """The rows of ops.

    Args:
        rows: of `medians`.
        exact: of `exact_totals`.
        numbers: of the rows.
        paths: by number.
        devices: by number of the place.
        details: of all rows.
    """
    for row in cast(Iterator[MedianRow], rows.iter_rows(named=True)):
        row["total_busy_ns"] = exact.get(row["row"], row["total_busy_ns"])
        device = devices[numbers.place_number(row["row"])]
        yield op_row(row, numbers, paths[row["path"]], device, details)


_MAX_SAID = 5


def empty_trace(findings: Sequence[Finding], source: str) -> ReportError:
    """Why nothing can be said of a trace, in nsys' own words where it has some."""
    tables = [f.message for f in findings if f.kind == "trace-table"]
    said = [str(f.values["text"]).rstrip(".") for f in findings if f.kind in ("nsys-diagnostic", "dropped-events")]
    reasons = tables + [f"nsys says: {'; '.join(said[:_MAX_SAID])}"] * bool(said)
    return ReportError(
        "; ".join([f"{source or 'the trace'} holds no kernel and no memory operation", *reasons]),
        "trace with -t cuda,nvtx, and check that the capture range covers the launches",
    )


def layer_totals(calls: pl.DataFrame) -> LayerTotals:
    """Totals over every call: GPU time, idle time, and the span from the first to the last operation."""
    busy, gap, before, launch_bound = calls.select(
        pl.col("busy_ns", "gap_ns", "gap_before_ns", "launch_bound_ns").sum()
    ).row(0)
    return {
        "calls": calls.height,
        "busy_ns": busy,
        "gap_ns": gap,
        "gap_before_ns": before,
        "launch_bound_ns": launch_bound,
    }


def outside_counts(operations: Operations, path: PathNumbers) -> UnattributedCounts:
    """Operations that have no path."""
    outside = pl.Series(path == NO_PATH)
    length = (operations["end_ns"] - operations["start_ns"]).filter(outside)
    kinds = operations["kind"].filter(outside)
    of_kind = {kind: kinds == kind for kind in (KERNEL, MEMORY, GRAPH)}
    return {
        "launch_count": int(of_kind[KERNEL].sum()),
        "duration_ns": int(length.filter(of_kind[KERNEL]).sum()),
        "memory_operation_count": int(of_kind[MEMORY].sum()),
        "memory_duration_ns": int(length.filter(of_kind[MEMORY]).sum()),
        "graph_launch_count": int(of_kind[GRAPH].sum()),
        "graph_duration_ns": int(length.filter(of_kind[GRAPH]).sum()),
    }


def with_rows(counts: UnattributedCounts, details: Details, place_count: int) -> UnattributedOperations:
    """Counts of operations outside any range, with the rows of what ran there at each place."""
    owners = [-1 - place for place in range(place_count)]
    return {
        **counts,
        "kernels": list(chain.from_iterable(details.kernels.get(owner, []) for owner in owners)),
        "memory_operations": list(chain.from_iterable(details.memory.get(owner, []) for owner in owners)),
    }


def kernel_paths(path: PathNumbers, attribution: Attribution, places: Places) -> pl.DataFrame:
    """Path, way of launching and place of each kernel."""
    key = attribution.key[: len(path)]
    one = len(places.known) == 1
    place = pl.repeat(0, len(path), dtype=pl.Int32, eager=True) if one else pl.Series(places.number[: len(path)])
    columns = {"path": path, "replayed": (key >= 0) & attribution.replayed(key), "place": place}
    return pl.DataFrame(columns).with_columns(pl.when(pl.col("path") >= 0).then("path"))
