"""What a timeline shows that cannot have been so: findings about ranges, launches and their order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import quantity
from roofprof.timeline.devices import several_places
from roofprof.timeline.frames import NsysTrace, Operations, parts
from roofprof.timeline.intervals import sorting
from roofprof.timeline.nesting import MAX_DEPTH, NO_RANGE, Booleans, Integers, RangeForest, range_forest
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
    late = late_starts(operations)
    outside = Outside.of(operations, attribution.key, other_forests(trace.ranges, domain))
    counts = Seen(
        kernels=trace.kernels.height,
        operations=operations.height,
        late=late,
        crossed=attribution.crossed_calls,
        from_other_threads=attribution.from_other_threads,
        outside=outside,
        worked=attribution.with_work(),
    )
    return doubts_of(counts, trace.ranges, attribution, domain, devices)


def doubts_of(
    seen: "Seen", ranges: pl.DataFrame, attribution: Attribution, domain: str | None, devices: Sequence[DeviceRow]
) -> list[Finding]:
    """All findings about what was counted.

    Args:
        seen: of all operations.
        ranges: RANGE_SCHEMA, every domain.
        attribution: its ranges; its operations may be a part of all.
        domain: of the ops.
        devices: of the trace.
    """
    found = launch_doubts(seen)
    if len(devices) > 1:
        message = f"the trace is of {several_places(devices)}: each has its own rows and totals"
        found.append(Finding("several-devices", Severity.INFO, message, values={"count": len(devices)}))
    if domain is None:
        message = "the trace has no NVTX ranges: no operation can be attributed to an op"
        hint = "trace with -t cuda,nvtx and a range around each op"
        return [*found, Finding("no-ranges", Severity.WARNING, message, hint)]
    found += range_doubts(seen, ranges, attribution.forest, domain)
    found += _others(seen, domain)
    return found + _without_work(seen.worked.copy(), attribution, domain)


def other_forests(ranges: pl.DataFrame, domain: str | None) -> Mapping[str, Callable[[], RangeForest]]:
    """The ranges of each domain but one, by name; each is made when it is asked for."""
    names = ranges["domain"].unique().drop_nulls().cast(pl.String).sort().to_list() if domain is not None else []
    return {n: partial(_forest_of, ranges, n) for n in names if n != domain}


def _forest_of(ranges: pl.DataFrame, domain: str) -> RangeForest:
    return range_forest(ranges.filter(pl.col("domain") == domain))


@dataclass(frozen=True, slots=True)
class Outside:
    """Operations in no range of the domain."""

    count: int
    by_domain: Mapping[str, int]
    """How many lie in a range of each of the others."""

    @classmethod
    def of(cls, operations: Operations, key: Integers, forests: Mapping[str, Callable[[], RangeForest]]) -> "Outside":
        """Those of some operations, by their calls."""
        outside = np.flatnonzero(key < 0)
        if not len(outside) or not forests:
            return cls(len(outside), {})
        columns = ("launch_global_tid", "launch_start_ns", "launch_end_ns")
        calls = [operations[c].gather(outside).fill_null(-1).to_numpy() for c in columns]
        found = {n: int((forest().innermost(*calls) != NO_RANGE).sum()) for n, forest in forests.items()}
        return cls(len(outside), found)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the findings need of all operations."""

    kernels: int
    operations: int
    late: int
    """`late_starts`."""
    crossed: int
    from_other_threads: int
    outside: Outside
    worked: Booleans
    """Whether each range has operations of its own."""


def _others(seen: Seen, domain: str) -> Iterator[Finding]:
    """Operations that belong to ranges of other threads, and those that lie in ranges of other domains alone."""
    if count := seen.from_other_threads:
        message = (
            f"{count} of {seen.operations} GPU operations belong to a start/end range that another thread opened: "
            "such ranges hold for the whole process; the last one opened is taken"
        )
        hint = "put a push/pop range on the thread that launches, to be sure"
        values = {"count": count}
        yield Finding("range-of-other-thread", Severity.DOUBTFUL, message, hint, values=values)
    for other, count in seen.outside.by_domain.items():
        if count:
            message = (
                f"{count} of {seen.outside.count} GPU operations in no range of domain {domain} lie in one of {other}"
            )
            told = {"count": count, "domain": other}
            hint = f"--domain {other!r} shows them"
            yield Finding("range-of-other-domain", Severity.DOUBTFUL, message, hint, values=told)


def _without_work(worked: Booleans, attribution: Attribution, domain: str) -> list[Finding]:
    """Ranges in which nothing was launched, nor in those nested in them; `worked` is written."""
    inner = np.flatnonzero(worked)
    while len(inner):
        inner = attribution.forest.parent[inner]
        inner = np.unique(inner[(inner >= 0) & ~worked[inner]])
        worked[inner] = True
    if not (idle := int((~worked).sum())):
        return []
    names = sorted({attribution.paths[p][-1] for p in np.unique(attribution.path[~worked]).tolist()})
    message = f"{quantity(idle, 'range')} of domain {domain} launched no GPU work"
    values = {"count": idle, "names": names[:10]}
    return [Finding("range-without-work", Severity.INFO, message, values=values)]


def range_doubts(seen: Seen, ranges: pl.DataFrame, forest: RangeForest, domain: str) -> list[Finding]:
    """Ranges of the domain that enclose each other as push/pop ranges cannot."""
    found = []
    hint = "times by range are doubtful: trace again, or export the .nsys-rep again"
    if forest.crossing:
        message = f"{forest.crossing} push/pop ranges of domain {domain} overlap another on their thread, not nested"
        values = {"count": forest.crossing}
        found.append(Finding("range-crossing", Severity.DOUBTFUL, message, hint, values=values))
    if (same := _same_starts(ranges, domain)) > MIN_SAME_STARTS:
        message = f"{same} of {len(forest.rows)} push/pop ranges of domain {domain} start at one time with another"
        values = {"count": same}
        if 2 * same > len(forest.rows):
            found.append(Finding("range-crossing", Severity.DOUBTFUL, message, hint, values=values))
    if forest.too_deep:
        message = f"{forest.too_deep} ranges of domain {domain} lie in more than {MAX_DEPTH} others: not told apart"
        values = {"count": forest.too_deep}
        hint = "check that each push has its pop"
        found.append(Finding("range-too-deep", Severity.DOUBTFUL, message, hint, values=values))
    if len(forest.rows) and seen.outside.count == seen.operations:
        message = f"no GPU operation was launched inside a range of domain {domain}, on the range's thread"
        hint = "choose another domain with --domain, or put the ranges around the calls that launch"
        found.append(Finding("nothing-attributed", Severity.WARNING, message, hint))
    return found


def _same_starts(ranges: pl.DataFrame, domain: str) -> int:
    """Ranges of the domain that start when another one of their thread does."""
    pushed = (ranges["domain"] == domain) & (ranges["style"] == "push_pop")
    thread, start = (ranges[c].filter(pushed).to_numpy() for c in ("global_tid", "start_ns"))
    if (order := sorting(thread, start)) is not None:
        thread, start = thread[order], start[order]
    same = (thread[1:] == thread[:-1]) & (start[1:] == start[:-1])
    return int((np.append(same, False) | np.insert(same, 0, False)).sum()) if len(start) else 0


def late_starts(operations: Operations) -> int:
    """Operations that ran long before their launch."""
    return sum(
        int((part["launch_start_ns"] > part["start_ns"] + MAX_EARLY_NS).sum())
        for _, part in parts(operations, ("launch_start_ns", "start_ns"))
    )


def launch_doubts(seen: Seen) -> list[Finding]:
    """Operations that ran before their launch, or whose launch lies across the start of a range."""
    found = []
    if not seen.kernels:
        message = "the trace holds memcpys, memsets or graphs, but no kernel"
        found.append(Finding("no-kernels", Severity.WARNING, message, "trace with -t cuda,nvtx"))
    if late := seen.late:
        message = f"{late} GPU operations start more than {MAX_EARLY_NS // 1000} µs before the call that launched them"
        found.append(Finding("trace-order", Severity.DOUBTFUL, message, values={"count": late}))
    if count := seen.crossed:
        message = f"{count} GPU operations were launched by calls during which a range of their thread began"
        found.append(Finding("trace-order", Severity.DOUBTFUL, message, values={"count": count}))
    return found
