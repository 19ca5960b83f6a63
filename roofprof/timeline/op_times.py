"""nsys' times for the ops of an ncu report: which row of the timeline is which op's, and the join behind it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median_low
from typing import TYPE_CHECKING, TypedDict

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import quantity
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.op_names import Layers
from roofprof.timeline.rows import LayerTotals, OpRow, RangePath

if TYPE_CHECKING:
    from roofprof.timeline.join import Join
    from roofprof.timeline.outside import Span
    from roofprof.timeline.timeline import Timeline


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


class JoinEntry(TypedDict):
    """One joined trace in report.json."""

    report: str
    trace: str
    matched_count: int
    flagged_count: int
    median_offset_ns: float | None
    unmatched: list[dict[str, object]]
    """Rows of UNMATCHED_SCHEMA."""
    layer: LayerTotals


@dataclass(frozen=True, slots=True)
class NsysTimes:
    """One report's times from nsys."""

    by_path: Mapping[RangePath, OpTiming]
    joins: Sequence[JoinEntry]
    findings: Sequence[Finding]
    """Those about no single op."""
    op_findings: Mapping[RangePath, Sequence[Finding]]
    """Those about the op of one path."""
    timeline: "Timeline | None" = None
    """Of the first trace."""
    spans: pl.DataFrame = field(default_factory=pl.DataFrame)
    """SPAN_SCHEMA: launches of the report that the first trace has too."""
    row_spans: Mapping[int, Sequence["Span"]] = field(default_factory=dict)
    """Of rows of kernels, each launch, where nsys' is known of all."""

    def of_row(self, row: int) -> OpTiming:
        """What nsys saw of a row of kernels: medians over its launches, the lower of two."""
        own = self.row_spans.get(row)
        if not own:
            return NO_TIMING
        union = median_low(span.union_ns for span in own)
        projected = median_low(span.end_ns - span.start_ns for span in own)
        return OpTiming(len(own), union, union, projected, None)


Keyed = tuple[RangePath, OpRow]
"""An op's row, and what its calls have in common."""


def nsys_times(
    report: str,
    launches: pl.DataFrame,
    traces: Sequence[NamedTrace],
    domain: str | None,
    layers: Layers = "folded",
    preferred: str | None = None,
) -> NsysTimes:
    """Join a report's launches with the first trace, and add the graph times of the others.

    Args:
        report: the report's name.
        launches: its launches, with `nvtx_path` and the columns of `with_rows`.
        traces: traces of the same command, the eager one first.
        domain: the NVTX domain of the ops.
        layers: calls in different layers are one op's, or each layer has its own.
        preferred: the domain that ncu's ranges are of; taken of a trace that has it where none is asked for.
    """
    if not traces:
        return NsysTimes({}, [], [], {})
    # Not at the top: most analyses have no trace, and the sweeps need numpy.
    from roofprof.timeline.join import join_launches
    from roofprof.timeline.outside import SPAN_SCHEMA, launch_spans, row_spans
    from roofprof.timeline.timeline import build_timeline

    paths = [tuple(path) for path in launches["nvtx_path"].drop_nulls().unique().to_list() if path]
    timings: dict[RangePath, OpTiming] = {}
    joins: list[JoinEntry] = []
    findings: list[Finding] = []
    op_findings: dict[RangePath, list[Finding]] = {}
    first: Timeline | None = None
    spans = SPAN_SCHEMA.to_frame()
    for position, named in enumerate(traces):
        shared = preferred if preferred in named.trace.ranges["domain"].unique().to_list() else None
        timeline = build_timeline(named.trace, domain or shared, layers)
        if position == 0:
            first = timeline
            join = join_launches(launches, named.trace, timeline)
            spans = launch_spans(launches, named.trace, timeline, join)
            joins.append(_entry(report, named.name, join, spans, timeline))
            for each in join.findings:
                place = findings if each.path is None else op_findings.setdefault(timeline.key_of(each.path), [])
                place.append(_of_report(each.finding, report))
            findings += [_of_report(finding, report) for finding in timeline.findings]
            wanted = {timeline.key_of(path) for path in paths}
            rows = [keyed for op in timeline.ops if (keyed := (timeline.key_of(op["nvtx_path"]), op))[0] in wanted]
            timings |= _timings(rows)
            findings += _of_one_device(rows, named.name, report)
        timings |= _with_graph(timings, [(timeline.key_of(op["nvtx_path"]), op) for op in timeline.ops])
    return NsysTimes(timings, joins, findings, op_findings, first, spans, row_spans(launches, spans))


def _with_graph(timings: Mapping[RangePath, OpTiming], ops: Sequence[Keyed]) -> dict[RangePath, OpTiming]:
    """The timings of ops that a graph replayed, with its times; of several devices those of the first."""
    replayed = {key: op for key, op in reversed(ops) if op["launch"] == "graph"}
    return {
        key: replace(timings[key], graph_union_ns=op["nsys_union_ns"], graph_projected_ns=op["nsys_projected_ns"])
        for key, op in replayed.items()
        if key in timings
    }


def _of_report(finding: Finding, report: str) -> Finding:
    return finding if finding.report else replace(finding, report=report)


def _of_one_device(ops: Sequence[Keyed], trace: str, report: str) -> list[Finding]:
    """That the times of ops which ran on several devices are those of one."""
    ways = Counter((key, op["launch"]) for key, op in ops)
    count = len({key for (key, _), number in ways.items() if number > 1})
    if not count:
        return []
    ran = f"{quantity(count, 'op')} ran on several GPUs or processes in {trace}"
    message = f"{ran}: nsys' times are of the first that ran each"
    hint = "join each rank's report with a trace of that rank"
    return [Finding("several-devices", Severity.DOUBTFUL, message, hint, report=report, values={"count": count})]


def _timings(ops: Sequence[Keyed]) -> dict[RangePath, OpTiming]:
    """One timing per key: as launched one by one where it was, else as replayed by a graph; on the first device.

    The share is the one among the chosen rows of the same enclosing range, a layer. Of an op that ran both ways only
    one row is chosen, and warm-up ranges were not profiled, so neither takes part of the layer's share.
    """
    chosen: dict[RangePath, OpRow] = {}
    for key, op in ops:
        earlier = chosen.get(key)
        if earlier is None or (earlier["launch"] != op["launch"] == "stream"):
            chosen[key] = op
    totals: dict[RangePath, float] = {}
    for key, op in chosen.items():
        totals[key[:-1]] = totals.get(key[:-1], 0.0) + _weight(op)
    return {key: _timing(op, totals[key[:-1]]) for key, op in chosen.items()}


def _weight(op: OpRow) -> float:
    """The op's busy time, as often as it was called: a call that was interrupted or came cold does not change it."""
    return op["busy_ns"] * op["calls"]


def _timing(op: OpRow, layer_busy: float) -> OpTiming:
    share = _weight(op) / layer_busy if layer_busy else None
    return OpTiming(op["calls"], op["nsys_duration_ns"], op["nsys_union_ns"], op["nsys_projected_ns"], share)


def _entry(report: str, trace: str, join: "Join", spans: pl.DataFrame, timeline: "Timeline") -> JoinEntry:
    paired = (pl.col("side") == "ncu") & pl.col("launch_id").is_in(spans["launch_id"].to_list())
    return {
        "report": report,
        "trace": trace,
        "matched_count": spans.height,
        "flagged_count": int(join.matched["flagged"].sum()),
        "median_offset_ns": join.median_offset_ns,
        "unmatched": join.unmatched.filter(~paired.fill_null(False)).to_dicts(),
        "layer": timeline.layer,
    }
