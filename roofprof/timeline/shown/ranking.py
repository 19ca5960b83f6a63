"""Which rows to show, and in which order: every device has a ranking of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from roofprof.findings import Finding, Severity
from roofprof.formulas.ops_file import OpsConfig
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.rows import OpRow, Where
from roofprof.timeline.shown.kernel_ops import Ranking, kernel_op_rows, launch_op_rows
from roofprof.timeline.timeline import Timeline

By = Literal["op", "kernel", "launch"]
"""What a row is: an op, or a kernel where no range is; a kernel everywhere; one launch of a kernel."""

# An op whose kernels are hidden in a graph that was traced as a whole has no duration, yet it was busy.
_LARGEST_FIRST: Mapping[str, Callable[[OpRow], float]] = {
    "time": lambda op: op["total_busy_ns"],
    "share": lambda op: op["share"] or 0,
    "median": lambda op: op["busy_ns"],
    "gap": lambda op: op["gap_ns"] or 0,
    "calls": lambda op: op["calls"],
}
SORTS = ("order", *_LARGEST_FIRST, "name")

Op = TypeVar("Op", bound=OpRow)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    by: By = "op"
    only: Callable[[str], bool] | None = None
    """Which ops, by name."""
    sort: str = "time"
    """One of SORTS."""
    top: int | None = None
    """How many rows of each device; None keeps all."""


def renamed(timeline: Timeline, config: OpsConfig) -> Timeline:
    """The timeline with the names of ops that an ops file gives, and a finding where it knows none of them."""
    ops: list[OpRow] = []
    found = False
    for op in timeline.ops:
        match = config.match(op["nvtx_path"][-1])
        found = found or match is not None
        ops.append({**op, "op": match.op, "implementation": match.implementation} if match else op)
    if found or not ops:
        return replace(timeline, ops=tuple(ops))
    message = "no pattern of the ops file matches any range"
    hint = f"the first range is {timeline.ops[0]['nvtx_path'][-1]!r}"
    return replace(timeline, findings=(*timeline.findings, Finding("ops-file-unused", Severity.WARNING, message, hint)))


def ranked_rows(trace: NsysTrace, timeline: Timeline, wanted: Wanted) -> list[Ranking]:
    """The rows to show of each device."""
    if wanted.by == "launch":
        longest = wanted.sort not in ("order", "name")
        return launch_op_rows(trace, timeline, wanted.only, longest, wanted.top)
    if wanted.by == "kernel":
        rows = kernel_op_rows(trace, timeline, outside_only=False)
    else:
        rows = [*timeline.ops, *kernel_op_rows(trace, timeline, outside_only=True)]
    return rank(rows, timeline, wanted)


def rank(rows: list[OpRow], timeline: Timeline, wanted: Wanted) -> list[Ranking]:
    """Those of the rows that are to be shown, of each device."""
    if wanted.only is not None:
        rows = [row for row in rows if wanted.only(row["op"]) or wanted.only(row_label(row))]
    by_place: dict[tuple[int | None, int | None], list[OpRow]] = {}
    for row in rows:
        by_place.setdefault(_place(row), []).append(row)
    return [_ranking(by_place.get(_place(device), []), wanted) for device in timeline.devices]


def _ranking(rows: Sequence[OpRow], wanted: Wanted) -> Ranking:
    return Ranking(sorted_ops(rows, wanted.sort, wanted.top), len(rows))


def row_label(row: OpRow) -> str:
    """Op and implementation."""
    return f"{row['op']} ({row['implementation']})" if row["implementation"] else row["op"]


def _place(row: Where) -> tuple[int | None, int | None]:
    return row["process_id"], row["device_id"]


def sorted_ops(ops: Sequence[Op], by: str, top: int | None) -> list[Op]:
    """The rows in the wanted order, the largest first except by order and name; only the first `top`.

    Args:
        ops: of one device.
        by: one of SORTS.
        top: how many; None keeps all.
    """
    rows = list(ops)
    if by == "name":
        rows.sort(key=lambda op: op["op"])
    elif by == "order":
        rows.sort(key=lambda op: op["first_start_ns"])
    else:
        rows.sort(key=_LARGEST_FIRST[by], reverse=True)
    return rows[:top]
