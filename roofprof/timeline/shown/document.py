"""The timelines of one or several traces as one JSON document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypedDict

from roofprof import __version__
from roofprof.timeline.rows import DeviceRow, LayerTotals, OpRow, UnattributedCounts, UnattributedOperations
from roofprof.timeline.shown.kernel_ops import Ranking
from roofprof.timeline.timeline import Timeline

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class RankedTimeline:
    """One trace's timeline with the rows to show."""

    name: str
    """Of the trace."""
    timeline: Timeline
    rankings: Sequence[Ranking]
    """The rows of each of its devices."""

    @property
    def rows(self) -> Iterator[OpRow]:
        """The rows of all, device after device."""
        return chain.from_iterable(ranking.rows for ranking in self.rankings)


class ReportedOp(OpRow):
    """A row of one of several traces."""

    report: str
    """Name of the trace."""


class ReportedDevice(DeviceRow):
    """A device of one of several traces."""

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
    devices: list[ReportedDevice]
    ops: list[ReportedOp]
    unattributed: UnattributedOperations
    findings: list[dict[str, object]]


def timeline_document(timelines: Sequence[RankedTimeline]) -> TimelineDocument:
    """Plain data for JSON: devices and rows of every trace, each with the trace's name as `report`.

    `unattributed` is the sum over traces.
    """
    lines = [(each.name, each.timeline) for each in timelines]
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "roofprof", "version": __version__},
        "traces": [
            {"report": name, "domain": line.domain, "layer": line.layer, "unattributed": _counts([line.unattributed])}
            for name, line in lines
        ],
        "devices": [{"report": name, **device} for name, line in lines for device in line.devices],
        "ops": [{"report": each.name, **row} for each in timelines for row in each.rows],
        "unattributed": _together([line.unattributed for _, line in lines]),
        "findings": [
            {**finding.as_dict(), "report": finding.report or name} for name, line in lines for finding in line.findings
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
