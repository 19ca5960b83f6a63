"""What a timeline shows that cannot have been so: findings about ranges, launches and their order."""

import numpy as np

from roofprof.findings import Finding, Severity
from roofprof.timeline.frames import NsysTrace, Operations, parts
from roofprof.timeline.intervals import sorting
from roofprof.timeline.nesting import MAX_DEPTH
from roofprof.timeline.op_calls import Attribution

MAX_EARLY_NS = 100_000
"""An operation may seem to start so long before its launch: GPU and CPU clocks are aligned no better."""
MIN_SAME_STARTS = 8


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
