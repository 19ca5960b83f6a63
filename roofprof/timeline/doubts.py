"""What a timeline shows that cannot have been so: findings about ranges, launches and their order."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.timeline.devices import several_places
from roofprof.timeline.frames import NsysTrace, Operations, parts
from roofprof.timeline.intervals import sorting
from roofprof.timeline.nesting import MAX_DEPTH, NO_RANGE, range_forest
from roofprof.timeline.op_calls import Attribution
from roofprof.timeline.rows import DeviceRow

MAX_EARLY_NS = 100_000
"""An operation may seem to start so long before its launch: GPU and CPU clocks are aligned no better."""
MIN_SAME_STARTS = 8


def timeline_doubts(
    trace: NsysTrace,
    operations: Operations,
    attribution: Attribution,
    domain: str | None,
    devices: Sequence[DeviceRow],
) -> list[Finding]:
    """All findings about a timeline."""
    found = launch_doubts(trace, operations, attribution)
    if len(devices) > 1:
        message = f"the trace is of {several_places(devices)}: each has its own rows and totals"
        found.append(Finding("several-devices", Severity.INFO, message, values={"count": len(devices)}))
    if domain is None:
        message = "the trace has no NVTX ranges: no operation can be attributed to an op"
        hint = "trace with -t cuda,nvtx and a range around each op"
        return [*found, Finding("no-ranges", Severity.WARNING, message, hint)]
    found += range_doubts(trace, attribution, domain)
    found += _others(trace, operations, attribution, domain)
    return found + _without_work(attribution, domain)


def _others(trace: NsysTrace, operations: Operations, attribution: Attribution, domain: str) -> Iterator[Finding]:
    """Operations that belong to ranges of other threads, and those that lie in ranges of other domains alone."""
    if count := attribution.from_other_threads:
        message = (
            f"{count} of {operations.height} GPU operations belong to a start/end range that another thread opened: "
            "such ranges hold for the whole process; the last one opened is taken"
        )
        hint = "put a push/pop range on the thread that launches, to be sure"
        values = {"count": count}
        yield Finding("range-of-other-thread", Severity.DOUBTFUL, message, hint, values=values)
    outside = np.flatnonzero(attribution.key < 0)
    if not len(outside):
        return
    columns = ("launch_global_tid", "launch_start_ns", "launch_end_ns")
    thread, start, end = (operations[c].gather(outside).fill_null(-1).to_numpy() for c in columns)
    for other in trace.ranges["domain"].unique().drop_nulls().cast(pl.String).sort().to_list():
        if other == domain:
            continue
        forest = range_forest(trace.ranges.filter(pl.col("domain") == other))
        if count := int((forest.innermost(thread, start, end) != NO_RANGE).sum()):
            message = f"{count} of {len(outside)} GPU operations in no range of domain {domain} lie in one of {other}"
            values = {"count": count, "domain": other}
            hint = f"--domain {other!r} shows them"
            yield Finding("range-of-other-domain", Severity.DOUBTFUL, message, hint, values=values)


def _without_work(attribution: Attribution, domain: str) -> list[Finding]:
    """Ranges in which nothing was launched, nor in those nested in them."""
    worked = attribution.with_work()
    inner = np.flatnonzero(worked)
    while len(inner):
        inner = attribution.forest.parent[inner]
        inner = np.unique(inner[(inner >= 0) & ~worked[inner]])
        worked[inner] = True
    if not (idle := int((~worked).sum())):
        return []
    names = sorted({attribution.paths[p][-1] for p in np.unique(attribution.path[~worked]).tolist()})
    message = f"{idle} ranges of domain {domain} launched no GPU work"
    values = {"count": idle, "names": names[:10]}
    return [Finding("range-without-work", Severity.INFO, message, values=values)]


def range_doubts(trace: NsysTrace, attribution: Attribution, domain: str) -> list[Finding]:
    """Ranges of the domain that enclose each other as push/pop ranges cannot."""
    forest, found = attribution.forest, []
    hint = "times by range are doubtful: trace again, or export the .nsys-rep again"
    if forest.crossing:
        message = f"{forest.crossing} push/pop ranges of domain {domain} overlap another on their thread, not nested"
        values = {"count": forest.crossing}
        found.append(Finding("range-crossing", Severity.DOUBTFUL, message, hint, values=values))
    if (same := _same_starts(trace, domain)) > MIN_SAME_STARTS:
        message = f"{same} of {len(forest.rows)} push/pop ranges of domain {domain} start at one time with another"
        values = {"count": same}
        if 2 * same > len(forest.rows):
            found.append(Finding("range-crossing", Severity.DOUBTFUL, message, hint, values=values))
    if forest.too_deep:
        message = f"{forest.too_deep} ranges of domain {domain} lie in more than {MAX_DEPTH} others: not told apart"
        values = {"count": forest.too_deep}
        hint = "check that each push has its pop"
        found.append(Finding("range-too-deep", Severity.DOUBTFUL, message, hint, values=values))
    if len(forest.rows) and not (attribution.key >= 0).any():
        message = f"no GPU operation was launched inside a range of domain {domain}, on the range's thread"
        hint = "choose another domain with --domain, or put the ranges around the calls that launch"
        found.append(Finding("nothing-attributed", Severity.WARNING, message, hint))
    return found


def _same_starts(trace: NsysTrace, domain: str) -> int:
    """Ranges of the domain that start when another one of their thread does."""
    pushed = (trace.ranges["domain"] == domain) & (trace.ranges["style"] == "push_pop")
    thread, start = (trace.ranges[c].filter(pushed).to_numpy() for c in ("global_tid", "start_ns"))
    if (order := sorting(thread, start)) is not None:
        thread, start = thread[order], start[order]
    same = (thread[1:] == thread[:-1]) & (start[1:] == start[:-1])
    return int((np.append(same, False) | np.insert(same, 0, False)).sum()) if len(start) else 0


def launch_doubts(trace: NsysTrace, operations: Operations, attribution: Attribution) -> list[Finding]:
    """Operations that ran before their launch, or whose launch lies across the start of a range."""
    found = []
    if not trace.kernels.height:
        message = "the trace holds memcpys, memsets or graphs, but no kernel"
        found.append(Finding("no-kernels", Severity.WARNING, message, "trace with -t cuda,nvtx"))
    late = sum(
        int((part["launch_start_ns"] > part["start_ns"] + MAX_EARLY_NS).sum())
        for _, part in parts(operations, ("launch_start_ns", "start_ns"))
    )
    if late:
        message = f"{late} GPU operations start more than {MAX_EARLY_NS // 1000} µs before the call that launched them"
        found.append(Finding("trace-order", Severity.DOUBTFUL, message, values={"count": late}))
    if count := attribution.crossed_calls:
        message = f"{count} GPU operations were launched by calls during which a range of their thread began"
        found.append(Finding("trace-order", Severity.DOUBTFUL, message, values={"count": count}))
    return found
