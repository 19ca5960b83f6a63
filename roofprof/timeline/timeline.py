"""The timeline of a layer: what each op took on the GPU, out of an nsys trace.

Three times per op, each the median over its calls: the sum of its kernels, the union of their intervals, and
the projected span from its first GPU operation to the end of its last. docs/timeline.md explains them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
import polars as pl

from roofprof.errors import ReportError
from roofprof.findings import Finding, Severity
from roofprof.launches.attribution import require_domain
from roofprof.names.reading import Layers, read_path
from roofprof.timeline.call_times import call_times
from roofprof.timeline.doubts import launch_doubts, range_doubts
from roofprof.timeline.frames import GRAPH, KERNEL, MEMORY, NsysTrace, Operations
from roofprof.timeline.kernels import Place, kernel_rows, memory_rows
from roofprof.timeline.op_calls import NO_PATH, Attribution, PathNumbers, attribute_operations
from roofprof.timeline.rows import KernelRow, LayerTotals, MemoryRow, OpRow, RangePath, UnattributedOperations

Kernels = dict[Place, list[KernelRow]]
MemoryOperations = dict[Place, list[MemoryRow]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A layer in time."""

    domain: str | None
    """NVTX domain of the ops; None where the trace has no ranges."""
    calls: pl.DataFrame
    """CALL_SCHEMA."""
    ops: tuple[OpRow, ...]
    """One row per full path and way of launching, in the order of the first call."""
    layer: LayerTotals
    unattributed: UnattributedOperations
    paths: tuple[RangePath, ...]
    """Every path of the domain, range names from the outermost in; of those that one op has, the first."""
    kernels: pl.DataFrame
    """`path` (position in `paths`, null outside any range) and `replayed` of each kernel of the trace."""
    findings: tuple[Finding, ...]
    layers: Layers = "folded"
    """Whether layers are told apart."""

    def key_of(self, path: Sequence[str]) -> RangePath:
        """What two paths of one op have in common; `paths` holds one path for each key."""
        return read_path(tuple(path), self.domain, self.layers).key


def build_timeline(trace: NsysTrace, domain: str | None = None, layers: Layers = "folded") -> Timeline:
    """The timeline of a trace.

    Args:
        trace: what `read_nsys_trace` gives.
        domain: NVTX domain of the ops; None chooses (`require_domain`).
        layers: whether the layers of a model are ops of their own.

    Raises:
        ReportError: the trace holds no GPU operation.
        UsageError: the domain is not there, or must be chosen.
    """
    operations = Operations(trace)
    if not operations.height:
        raise ReportError(
            f"{trace.source or 'the trace'} holds no kernel and no memory operation",
            "trace with -t cuda,nvtx, and check that the capture range covers the launches",
        )
    chosen = require_domain(trace.ranges["domain"].unique().to_list(), domain)
    attribution = attribute_operations(operations, trace.ranges, chosen, layers)
    calls = call_times(operations, attribution)
    path = attribution.path_of(attribution.key)
    kernels, memory = _details(trace, attribution, path)
    rows = cast(Iterator[_MedianRow], _medians(calls).iter_rows(named=True))
    ops = tuple(_op(row, attribution.paths, kernels, memory) for row in rows)
    doubts = launch_doubts(trace, operations, attribution)
    findings = (*trace.findings, *doubts, *_findings(trace, attribution, chosen))
    return Timeline(
        domain=chosen,
        calls=calls,
        ops=ops,
        layer=_layer(calls),
        unattributed=_unattributed(trace, operations, path, kernels, memory),
        paths=tuple(attribution.paths),
        kernels=_kernel_paths(path[: trace.kernels.height], attribution),
        findings=findings,
        layers=layers,
    )


class _MedianRow(TypedDict):
    """A row of `_medians`."""

    path: int
    replayed: bool
    calls: int
    duration_ns: float | None
    union_ns: float | None
    projected_ns: float
    busy_ns: float
    memory_duration_ns: float
    gap_ns: float
    gap_before_ns: float
    launch_bound_ns: float
    busy_min_ns: int
    busy_max_ns: int
    share: float | None


def _medians(calls: pl.DataFrame) -> pl.DataFrame:
    """One row per path and way of launching: medians over its calls."""
    medians = ("duration_ns", "union_ns", "projected_ns", "busy_ns", "memory_duration_ns")
    idle = ("gap_ns", "gap_before_ns", "launch_bound_ns")
    rows = calls.group_by("path", "replayed", maintain_order=True).agg(
        pl.len().alias("calls"),
        *(pl.col(c).median() for c in (*medians, *idle)),
        pl.col("busy_ns").min().alias("busy_min_ns"),
        pl.col("busy_ns").max().alias("busy_max_ns"),
        # A median over some calls only would hide that the others are unknown.
        hidden=pl.col("duration_ns").null_count() > 0,
    )
    rows = rows.with_columns(
        pl.when("hidden").then(None).otherwise(pl.col(c)).alias(c) for c in ("duration_ns", "union_ns")
    )
    weight = pl.col("busy_ns") * pl.col("calls")
    return rows.with_columns(share=pl.when(weight.sum() > 0).then(weight / weight.sum()))


def _op(row: _MedianRow, paths: Sequence[RangePath], kernels: Kernels, memory: MemoryOperations) -> OpRow:
    path = paths[row["path"]]
    place = (row["path"], row["replayed"])
    return {
        "op": read_path(path).op,
        "nvtx_path": list(path),
        "launch": "graph" if row["replayed"] else "stream",
        "calls": row["calls"],
        "nsys_duration_ns": row["duration_ns"],
        "nsys_union_ns": row["union_ns"],
        "nsys_projected_ns": row["projected_ns"],
        "share": row["share"],
        "busy_ns": row["busy_ns"],
        "memory_duration_ns": row["memory_duration_ns"],
        "gap_ns": row["gap_ns"],
        "gap_before_ns": row["gap_before_ns"],
        "launch_bound_ns": row["launch_bound_ns"],
        "spread": {"busy_ns": [row["busy_min_ns"], row["busy_max_ns"]]},
        "kernels": kernels.get(place, []),
        "memory_operations": memory.get(place, []),
    }


def _details(trace: NsysTrace, attribution: Attribution, path: PathNumbers) -> tuple[Kernels, MemoryOperations]:
    """Kernels and memory operations by (path, replayed)."""
    count, memory_count = trace.kernels.height, trace.memory_operations.height
    replayed = (attribution.key >= 0) & attribution.replayed(attribution.key)
    kernels = kernel_rows(trace.kernels, trace.shapes, path[:count], replayed[:count])
    after = slice(count, count + memory_count)
    return kernels, memory_rows(trace.memory_operations, path[after], replayed[after])


def _layer(calls: pl.DataFrame) -> LayerTotals:
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


def _unattributed(
    trace: NsysTrace,
    operations: Operations,
    path: PathNumbers,
    kernels: Kernels,
    memory: MemoryOperations,
) -> UnattributedOperations:
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
        "kernels": kernels.get((NO_PATH, False), []),
        "memory_operations": memory.get((NO_PATH, False), []),
    }


def _kernel_paths(path: PathNumbers, attribution: Attribution) -> pl.DataFrame:
    """Path and way of launching of each kernel."""
    key = attribution.key[: len(path)]
    columns = {"path": path, "replayed": (key >= 0) & attribution.replayed(key)}
    return pl.DataFrame(columns).with_columns(pl.when(pl.col("path") >= 0).then("path"))


def _findings(trace: NsysTrace, attribution: Attribution, domain: str | None) -> list[Finding]:
    if domain is None:
        message = "the trace has no NVTX ranges: no operation can be attributed to an op"
        return [Finding("no-ranges", Severity.WARNING, message, "trace with -t cuda,nvtx and a range around each op")]
    found = range_doubts(trace, attribution, domain)
    worked = attribution.with_work()
    inner = np.flatnonzero(worked)
    while len(inner):
        inner = attribution.forest.parent[inner]
        inner = np.unique(inner[(inner >= 0) & ~worked[inner]])
        worked[inner] = True
    if idle := int((~worked).sum()):
        names = sorted({attribution.paths[p][-1] for p in np.unique(attribution.path[~worked]).tolist()})
        message = f"{idle} ranges of domain {domain} launched no GPU work"
        values = {"count": idle, "names": names[:10]}
        found.append(Finding("range-without-work", Severity.INFO, message, values=values))
    processes = trace.kernels["global_pid"].drop_nulls().unique().len()
    if processes > 1:
        message = f"{processes} processes ran kernels: calls of one path are counted together"
        found.append(Finding("several-processes", Severity.INFO, message, values={"count": processes}))
    return found
