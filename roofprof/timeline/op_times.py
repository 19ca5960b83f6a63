"""nsys' times for the ops of an ncu report: which row of the timeline is which op's, and the join behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from roofprof.findings import Finding
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.join import Join, join_launches, op_times
from roofprof.timeline.timeline import Timeline, build_timeline

EAGER, GRAPH = "stream", "graph"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedTrace:
    """A trace and what to call it."""

    name: str
    trace: NsysTrace


@dataclass(frozen=True, slots=True)
class OpTiming:
    """What nsys saw of one op, medians over its calls."""

    calls: int
    nsys_duration_ns: float | None
    nsys_union_ns: float | None
    nsys_projected_ns: float | None
    share: float | None
    graph_union_ns: float | None = None
    """The union when the layer was replayed as a CUDA graph."""
    graph_projected_ns: float | None = None


NO_TIMING = OpTiming(0, None, None, None, None)


@dataclass(frozen=True, slots=True)
class NsysTimes:
    """One report's times from nsys."""

    by_path: Mapping[Path, OpTiming]
    joins: Sequence[Mapping[str, Any]]
    """For report.json: one entry a trace that was joined."""
    findings: Sequence[Finding]


def nsys_times(report: str, launches: pl.DataFrame, traces: Sequence[NamedTrace], domain: str | None) -> NsysTimes:
    """Join a report's launches with the first trace, and add the graph times of the others.

    Args:
        report: the report's name.
        launches: its launches, with `nvtx_path`.
        traces: traces of the same command, the eager one first.
        domain: the NVTX domain of the ops.
    """
    timings: dict[Path, OpTiming] = {}
    joins, findings = [], []
    for position, named in enumerate(traces):
        timeline = build_timeline(named.trace, domain)
        rows = [row | {"nvtx_path": tuple(row["nvtx_path"])} for row in op_times(timeline).iter_rows(named=True)]
        if position == 0:
            join = join_launches(launches, named.trace, timeline)
            joins.append(_entry(report, named.name, join, timeline))
            findings += [*join.findings, *timeline.findings]
            profiled = {tuple(path) for path in launches["nvtx_path"].drop_nulls().unique().to_list()}
            here = [row for row in rows if row["nvtx_path"] in profiled]
            timings |= {row["nvtx_path"]: _timing(row) for row in _preferring(_shares_of_layer(here), EAGER)}
        for row in rows:
            if row["launch"] == GRAPH and row["nvtx_path"] in timings:
                timings[row["nvtx_path"]] = _with_graph(timings[row["nvtx_path"]], row)
    return NsysTimes(timings, joins, findings)


def _shares_of_layer(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Shares among the ops that stand in the same range, a layer, and were profiled; warm-up ranges are not."""
    totals: dict[Path, float] = {}
    for row in rows:
        layer = row["nvtx_path"][:-1]
        totals[layer] = totals.get(layer, 0.0) + (row["share"] or 0.0)
    return [
        {**row, "share": row["share"] / total if (total := totals[row["nvtx_path"][:-1]]) else None} for row in rows
    ]


def _preferring(rows: Sequence[Mapping[str, Any]], launch: str) -> list[Mapping[str, Any]]:
    """Rows of one path: the preferred kind last, so that it wins."""
    return sorted(rows, key=lambda row: row["launch"] == launch)


def _timing(row: Mapping[str, Any]) -> OpTiming:
    names = ("nsys_duration_ns", "nsys_union_ns", "nsys_projected_ns", "share")
    return OpTiming(row["nsys_calls"], *(row[name] for name in names))


def _with_graph(timing: OpTiming, row: Mapping[str, Any]) -> OpTiming:
    return OpTiming(
        timing.calls, timing.nsys_duration_ns, timing.nsys_union_ns, timing.nsys_projected_ns, timing.share,
        row["nsys_union_ns"], row["nsys_projected_ns"],
    )  # fmt: skip


def _entry(report: str, trace: str, join: Join, timeline: Timeline) -> dict[str, Any]:
    return {
        "report": report,
        "trace": trace,
        "matched_count": join.matched.height,
        "flagged_count": int(join.matched["flagged"].sum()),
        "median_offset_ns": join.median_offset_ns,
        "unmatched": join.unmatched.to_dicts(),
        "layer": dict(timeline.layer),
    }
