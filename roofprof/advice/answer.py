"""One case's answer: its ops ranked by what is left to win, with the reason, and what they are on the target GPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofprof.advice.facts import Reason
from roofprof.advice.reasons import reasons_of
from roofprof.document.cases import CaseOps, Sum, cases_of, counted, sum_of, times_in_case
from roofprof.hardware.roofline import Roofs, place, with_link
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

SMALL = 0.01
"""Ops that together take less of the layer's time are told in one line."""

Order = Callable[[Sequence[OpResult]], list[OpResult]]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One op of a case."""

    rank: int
    op: OpResult
    share: float | None
    """Of the time of one layer; None where a time is unknown, and for what is in no sum of the layer."""
    reason: Reason
    counted: bool
    """Whether the layer's sums hold it: not lm_head, not a further implementation."""

    @property
    def times(self) -> int:
        """Calls that the figures below are of: 1 where calls are repeats of one layer."""
        return times_in_case(self.op)

    @property
    def time_ns(self) -> float | None:
        """Calls x the median call's time."""
        return counted(self.op, self.op.time_ns)

    @property
    def headroom_ns(self) -> float | None:
        """Calls x what the median call could win."""
        return counted(self.op, self.op.headroom_ns)


@dataclass(frozen=True, slots=True)
class Answer:
    """One case."""

    case: CaseOps
    rows: tuple[AnswerRow, ...]
    folded: tuple[AnswerRow, ...]
    """The rest, in the same order."""
    time_ns: float | None
    """Of one layer: each op once, lm_head left out."""
    headroom_ns: float | None
    """What the ops whose roof is known could win together."""
    unplaced: int
    """Ops of the layer in no headroom: their time or their roof is unknown."""
    bound_shares: tuple[tuple[str, float], ...]
    """Of the layer's time by what binds on the profiled GPU, largest first."""
    roofs: tuple[str, ...]
    """`headroom_roof` of the rows, each once."""

    @property
    def reachable(self) -> float | None:
        """The headroom as a share of the layer's time."""
        return self.headroom_ns / self.time_ns if self.headroom_ns is not None and self.time_ns else None


def by_headroom(ops: Sequence[OpResult]) -> list[OpResult]:
    """Most to win first; then by time, unknown last."""

    def key(op: OpResult) -> tuple[bool, float, float]:
        headroom = counted(op, op.headroom_ns)
        return headroom is None, -(headroom or 0.0), -(counted(op, op.time_ns) or 0.0)

    return sorted(ops, key=key)


def by_time(ops: Sequence[OpResult]) -> list[OpResult]:
    """Longest first, of all calls that count; unknown last."""

    def key(op: OpResult) -> tuple[bool, float]:
        time = counted(op, op.time_ns)
        return time is None, -(time or 0.0)

    return sorted(ops, key=key)


def answers_of(
    report: RooflineReport, order: Order = by_headroom, top: int | None = None, every: bool = False
) -> list[Answer]:
    """The answer to each case of a report.

    Args:
        report: an analysis.
        order: of the rows of a case.
        top: rows that a case shows at most; None for as many as there are.
        every: show the rows too that are small together.
    """
    return [answer_of(case, order, top, every) for case in cases_of([report])]


def answer_of(case: CaseOps, order: Order = by_headroom, top: int | None = None, every: bool = False) -> Answer:
    """The answer to one case; arguments are those of `answers_of`."""
    layer, further = {id(op) for op in case.layer}, {id(op) for op in case.alternatives}
    # What no layer runs comes last.
    ops = sorted(order((*case.ops, *case.step_ops)), key=lambda op: id(op) in further)
    time_ns = case.time_ns
    reasons = reasons_of(case.source, ops)
    rows = [
        AnswerRow(
            rank,
            op,
            _share(case.time_of(op), time_ns) if id(op) in layer else None,
            reason,
            id(op) in layer,
        )
        for rank, (op, reason) in enumerate(zip(ops, reasons, strict=True), 1)
    ]
    most = len(rows) if top is None else min(top, len(rows))
    shown = most if every else min(most, _worth_a_line(rows, time_ns))
    headroom = sum_of(case.headroom_of(op) for op in case.layer)
    return Answer(
        case=case,
        rows=tuple(rows[:shown]),
        folded=tuple(rows[shown:]),
        time_ns=time_ns,
        headroom_ns=headroom.known,
        unplaced=headroom.count - headroom.known_count,
        bound_shares=_bound_shares(case),
        roofs=tuple(dict.fromkeys(op.headroom_roof for op in case.layer if op.headroom_roof)),
    )


def _share(time_ns: float | None, whole: float | None) -> float | None:
    return time_ns / whole if time_ns is not None and whole else None


def _worth_a_line(rows: Sequence[AnswerRow], whole: float | None) -> int:
    """How many rows are shown: the last ones that together are small are not, unless it is one alone."""
    small, kept = 0.0, len(rows)
    while whole is not None and kept and rows[kept - 1].time_ns is not None:
        small += rows[kept - 1].time_ns or 0.0
        if small >= SMALL * whole:
            break
        kept -= 1
    return len(rows) if len(rows) - kept < 2 else kept


def _bound_shares(case: CaseOps) -> tuple[tuple[str, float], ...]:
    times: dict[str, float] = {}
    for op in case.layer:
        if (time := case.time_of(op)) is not None:
            bound = op.measured_on.bound or "unknown"
            times[bound] = times.get(bound, 0.0) + time
    whole = sum(times.values())
    return tuple(sorted(((bound, ns / whole) for bound, ns in times.items()), key=lambda b: -b[1])) if whole else ()


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One op on the target GPU's roofline."""

    op: OpResult
    useful_intensity: float | None
    """FLOP/B of the formula's FLOPs and the measured bytes; of the executed FLOPs where there is no formula."""
    bound: str | None
    attainable_flop_per_s: float | None
    """None too where an op has no FLOPs: a rate of none says nothing of the roof."""
    least_time_ns: float | None
    """By its roofs, and by what an empty kernel takes."""
    by_launch: bool
    """Whether that is the launch floor."""

    @property
    def counted_ns(self) -> float | None:
        """The least time as often as the op counts in its case."""
        return counted(self.op, self.least_time_ns)


def least_time(case: CaseOps) -> Sum:
    """The least time of a case on the target GPU: of one layer, or of all that was captured."""
    return sum_of(row.counted_ns for row in target_rows(case, case.layer))


def target_rows(case: CaseOps, ops: Sequence[OpResult]) -> list[TargetRow]:
    """The same ops on the target GPU, from useful FLOPs and measured bytes."""
    floor = case.source.ceilings.launch_floor_ns.get("graph") if case.source.ceilings else None
    return [_target_row(case, op, floor) for op in ops]


def _target_row(case: CaseOps, op: OpResult, floor_ns: float | None) -> TargetRow:
    formula = op.formula
    work = {formula.pipe: formula.flop_count} if formula else op.flop_by_pipe
    target = case.source.target
    point = with_link(place(work, op.dram_bytes, Roofs.of(target)), op.link_tx_bytes, target.nvlink_bytes_per_s)
    roof_ns = None if point.bound_time_s is None else point.bound_time_s * 1e9
    least_ns = len(op.kernels) * floor_ns if floor_ns else 0.0
    useful = op.useful.arithmetic_intensity if op.useful else op.arithmetic_intensity
    return TargetRow(
        op=op,
        useful_intensity=useful,
        bound=point.bound and str(point.bound),
        attainable_flop_per_s=point.attainable_flop_per_s or None,
        least_time_ns=None if roof_ns is None else max(roof_ns, least_ns),
        by_launch=roof_ns is not None and roof_ns < least_ns,
    )
