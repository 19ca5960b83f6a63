"""The timelines of one or several traces as one JSON document."""

from collections.abc import Mapping, Sequence
from typing import Any

from roofprof import __version__
from roofprof.timeline.timeline import Timeline

SCHEMA_VERSION = 1


def timeline_document(timelines: Sequence[tuple[str, Timeline]]) -> dict[str, Any]:
    """Plain data for JSON: the ops of every trace, each with the trace's name as `report`.

    `share` is the share of that trace's ops; `unattributed` is the sum over traces.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "roofprof", "version": __version__},
        "traces": [
            {"report": name, "domain": line.domain, "layer": dict(line.layer), "unattributed": _counts(line)}
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


def _counts(line: Timeline) -> dict[str, Any]:
    return {name: value for name, value in line.unattributed.items() if not isinstance(value, list)}


def _together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts and times added, lists one after the other."""
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = found[name] + value if name in found else value
    return found


SORTS = ("order", "time", "share", "gap", "calls", "name")


def sorted_ops(ops: Sequence[Mapping[str, Any]], by: str, top: int | None) -> list[Mapping[str, Any]]:
    """The ops in the wanted order, the largest first except by order and name; only the first `top`."""
    rows = list(ops)
    if by == "name":
        rows.sort(key=lambda op: str(op["op"]))
    elif by != "order":
        # An op whose kernels a whole-graph trace hides has no duration, yet it was busy.
        field = {"time": "busy_ns", "gap": "gap_ns"}.get(by, by)
        rows.sort(key=lambda op: -(op[field] or 0))
    return rows[:top]
