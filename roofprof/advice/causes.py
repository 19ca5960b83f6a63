"""What an op's time is called: the roof that binds it, or, where neither comes near, what its reason says instead."""

from collections.abc import Iterable
from dataclasses import dataclass

from roofprof.advice.answer import Answer, AnswerRow
from roofprof.advice.facts import Reason
from roofprof.hardware.roofline import LATENCY_THRESHOLD
from roofprof.results.op import OpResult

NEITHER = "neither roof"
"""Latency, and no finding says of what kind."""
NEAR = "near its roof"
"""The same of an op that reaches much of the best roof known: latency goes by the datasheet's and by ncu's time."""
UNKNOWN = "unknown"
FEW_BLOCKS, UNEVEN_WAVES = "few blocks", "uneven waves"

_CAUSES = {
    "launch-bound": "start-up", "intermediates": "several kernels", "low-occupancy": "few warps", "split-k": "split K",
    "re-reads": "re-reads", "spills": "spills", "tile-padding": "padded tiles", "other-precision": "other precision",
}  # fmt: skip
_ROOFS = {"memory": "memory-bound", "compute": "compute-bound", "communication": "communication-bound"}
CAUSES = (*_ROOFS.values(), FEW_BLOCKS, UNEVEN_WAVES, *_CAUSES.values(), NEITHER, NEAR, UNKNOWN)


@dataclass(frozen=True, slots=True)
class CauseShare:
    """The ops of one layer whose time has one cause."""

    cause: str
    time_ns: float
    share: float
    """Of the layer's known time."""
    rows: tuple[AnswerRow, ...]
    """Longest first."""

    @property
    def latency(self) -> bool:
        """Whether no roof binds."""
        return self.cause not in (*_ROOFS.values(), UNKNOWN)


def cause_of(op: OpResult, reason: Reason) -> str:
    """One of `CAUSES`, on the profiled GPU."""
    bound = op.measured_on.bound
    if bound != "latency":
        return _ROOFS.get(bound or "", UNKNOWN)
    if reason.kind == "partial-wave":
        waves = [f.values.get("waves_per_sm") for f in op.findings if f.kind == "partial-wave"]
        return FEW_BLOCKS if any(w is not None and w < 1 for w in waves) else UNEVEN_WAVES
    near = op.of_roof is not None and op.of_roof >= LATENCY_THRESHOLD
    return _CAUSES.get(reason.kind or "", NEAR if near else NEITHER)


def cause_shares(answer: Answer) -> list[CauseShare]:
    """Split the layer's time by cause, largest first; ops without a time are in no share."""
    by_cause: dict[str, list[AnswerRow]] = {}

    def time_of(row: AnswerRow) -> float:
        return answer.case.time_of(row.op) or 0.0

    for row in _of_layer(answer):
        if row.op.time_ns is not None:
            by_cause.setdefault(cause_of(row.op, row.reason), []).append(row)
    whole = sum(time_of(row) for rows in by_cause.values() for row in rows)
    if not whole:
        return []
    shares = []
    for cause, rows in by_cause.items():
        time = sum(map(time_of, rows))
        shares.append(CauseShare(cause, time, time / whole, tuple(sorted(rows, key=lambda row: -time_of(row)))))
    return sorted(shares, key=lambda share: -share.time_ns)


def _of_layer(answer: Answer) -> Iterable[AnswerRow]:
    return (row for row in (*answer.rows, *answer.folded) if row.counted)
