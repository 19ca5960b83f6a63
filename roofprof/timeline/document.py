"""The timelines of one or several traces as one JSON document."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TypedDict, TypeVar

from roofprof import __version__
from roofprof.timeline.rows import LayerTotals, OpRow, UnattributedCounts, UnattributedOperations
from roofprof.timeline.timeline import Timeline

SCHEMA_VERSION = 1


class ReportedOp(OpRow):
    """An op of one of several traces."""

    report: str
    """Name of the trace."""


class TraceEntry(TypedDict):
    """One trace without its ops."""

    report: str
    domain: str | None
    layer: LayerTotals
    unattributed: UnattributedCounts


class TimelineDocument(TypedDict):
    """What `roofprof timeline --json` prints."""

    schema_version: int
    tool: dict[str, str]
    traces: list[TraceEntry]
    ops: list[ReportedOp]
    unattributed: UnattributedOperations
    findings: list[dict[str, object]]


def timeline_document(timelines: Sequence[tuple[str, Timeline]]) -> TimelineDocument:
    """Plain data for JSON: the ops of every trace, each with the trace's name as `report`.

    `share` is the share of that trace's ops; `unattributed` is the sum over traces.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "roofprof", "version": __version__},
        "traces": [
            {"report": name, "domain": line.domain, "layer": line.layer, "unattributed": _counts([line.unattributed])}
            for name, line in timelines
        ],
        "ops": [{"report": name, **op} for name, line in timelines for op in line.ops],
        "unattributed": _together([line.unattributed for _, line in timelines]),
        "findings": [
            {**finding.as_dict(), "report": finding.report or name}
            for name, line in timelines
            for finding in line.findings
        ],
    }


def _counts(parts: Sequence[UnattributedCounts]) -> UnattributedCounts:
    """Counts and times added."""
    return {
        "launch_count": sum(part["launch_count"] for part in parts),
        "duration_ns": sum(part["duration_ns"] for part in parts),
        "memory_operation_count": sum(part["memory_operation_count"] for part in parts),
        "memory_duration_ns": sum(part["memory_duration_ns"] for part in parts),
        "graph_launch_count": sum(part["graph_launch_count"] for part in parts),
        "graph_duration_ns": sum(part["graph_duration_ns"] for part in parts),
    }


def _together(parts: Sequence[UnattributedOperations]) -> UnattributedOperations:
    """Counts and times added, lists one after the other."""
    return {
        **_counts(parts),
        "kernels": list(chain.from_iterable(part["kernels"] for part in parts)),
        "memory_operations": list(chain.from_iterable(part["memory_operations"] for part in parts)),
    }


# An op whose kernels are hidden in a graph that was traced as a whole has no duration, yet it was busy.
_LARGEST_FIRST: Mapping[str, Callable[[OpRow], float]] = {
    "time": lambda op: op["busy_ns"] or 0,
    "share": lambda op: op["share"] or 0,
    "gap": lambda op: op["gap_ns"] or 0,
    "calls": lambda op: op["calls"],
}
SORTS = ("order", *_LARGEST_FIRST, "name")

Op = TypeVar("Op", bound=OpRow)


def sorted_ops(ops: Sequence[Op], by: str, top: int | None) -> list[Op]:
    """The ops in the wanted order, the largest first except by order and name; only the first `top`.

    Args:
        ops: in the order of the first call.
        by: one of SORTS.
        top: how many; None keeps all.
    """
    rows = list(ops)
    if by == "name":
        rows.sort(key=lambda op: op["op"])
    elif by != "order":
        rows.sort(key=_LARGEST_FIRST[by], reverse=True)
    return rows[:top]
