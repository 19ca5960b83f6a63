"""A change against a threshold, given how much the calls of each side differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from roofprof.results.op_groups import Range

ENOUGH_CALLS = 3
"""Of fewer calls a side the spread says too little of the time; counts of bytes and FLOPs hardly differ by call."""


class Verdict(StrEnum):
    """What can be said of an op, or of one of its metrics."""

    WITHIN = "within"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Figures:
    """One metric of one side: smaller is better."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float | None, spread: Range) -> "Figures":
        """With the spread over calls; the value alone where that is unknown, nothing where the value is."""
        if value is None:
            return cls(None, None, None)
        return cls(value, value if spread.min is None else spread.min, value if spread.max is None else spread.max)


def judge(a: Figures, b: Figures, threshold: float) -> Verdict | None:
    """Judge a change from A to B; None where a side is unknown, or both are nothing.

    Args:
        a: before.
        b: after.
        threshold: a fraction, 0.03 for 3 %.
    """
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return None
    limit = 1 + threshold
    if b.low > limit * a.high:
        return Verdict.REGRESSED
    if a.low > limit * b.high:
        return Verdict.IMPROVED
    return Verdict.WITHIN if b.high < limit * a.low or (a.high == b.high == 0) or a == b else Verdict.INCONCLUSIVE


def worst(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """The verdict of several metrics together: a regression before doubt before an improvement; None without any."""
    found = {verdict for verdict in verdicts if verdict}
    order = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.WITHIN)
    return next((verdict for verdict in order if verdict in found), None)
