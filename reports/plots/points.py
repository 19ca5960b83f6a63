"""Which ops a picture shows where: on the profiled GPU as measured, on the target as its roofs allow."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.advice.answer import Answer, TargetRow, by_headroom, target_rows
from roofprof.results.op import OpResult

NAMED = 10
"""Ops that carry their names: those with the most headroom."""


@dataclass(frozen=True, slots=True)
class Point:
    """An op that has a place on log axes."""

    op: OpResult
    intensity: float
    """FLOP/B of what was executed."""
    rate: float
    """FLOP/s: achieved on the profiled GPU, attainable on the target."""
    pipe: str
    """With most of its FLOPs."""
    share: float | None
    """Of the layer's time."""
    named: bool
    label: str
    other: tuple[float, float] | None = None
    """Intensity and rate of the formula's FLOPs; on the target, of the executed ones."""


@dataclass(frozen=True, slots=True)
class Points:
    """The ops of one panel."""

    drawn: tuple[Point, ...]
    left_out: tuple[OpResult, ...]
    """Without FLOPs, bytes, time or counters: no place on log axes."""


def pipe_of(op: OpResult) -> str:
    """The pipe that did most of an op's FLOPs."""
    return max(op.flop_by_pipe, key=lambda pipe: op.flop_by_pipe[pipe] or 0)


def measured_points(answer: Answer, labels: dict[int, str]) -> Points:
    """The ops of a case on the profiled GPU.

    Args:
        answer: of the case.
        labels: by `id` of the op.
    """
    rows = [*answer.rows, *answer.folded]
    named = _named([row.op for row in rows])
    drawn, left_out = [], []
    for row in rows:
        op, rate = row.op, row.op.measured_on.achieved_flop_per_s
        if not op.arithmetic_intensity or not rate:
            left_out.append(op)
            continue
        drawn.append(
            Point(
                op, op.arithmetic_intensity, rate, pipe_of(op), row.share, id(op) in named, labels[id(op)], _formula(op)
            )
        )
    return Points(tuple(drawn), tuple(left_out))


def projected_points(answer: Answer, labels: dict[int, str]) -> Points:
    """The same ops on the target's roofs, by useful work and measured bytes."""
    rows = [*answer.rows, *answer.folded]
    named = _named([row.op for row in rows])
    shares = {id(row.op): row.share for row in rows}
    drawn, left_out = [], []
    for target in target_rows(answer.case, [row.op for row in rows]):
        op = target.op
        if not target.useful_intensity or not target.attainable_flop_per_s:
            left_out.append(op)
            continue
        pipe = op.formula.pipe if op.formula else pipe_of(op)
        drawn.append(
            Point(
                op, target.useful_intensity, target.attainable_flop_per_s, pipe, shares[id(op)], id(op) in named,
                labels[id(op)], _executed(target),
            )
        )  # fmt: skip
    return Points(tuple(drawn), tuple(left_out))


def _named(ops: Sequence[OpResult]) -> set[int]:
    return {id(op) for op in by_headroom(ops)[:NAMED]}


def _formula(op: OpResult) -> tuple[float, float] | None:
    """Where the formula puts the op, in the measured time."""
    formula, time_ns = op.formula, op.time_ns
    if not formula or not formula.arithmetic_intensity or not formula.flop_count or not time_ns:
        return None
    return formula.arithmetic_intensity, formula.flop_count / time_ns * 1e9


def _executed(target: TargetRow) -> tuple[float, float] | None:
    """The executed FLOPs under the same roofs."""
    op = target.op
    if not op.arithmetic_intensity or not op.attainable_flop_per_s or op.formula is None:
        return None
    return op.arithmetic_intensity, op.attainable_flop_per_s
