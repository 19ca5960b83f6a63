"""One op before and after: its verdict on each metric, and on the whole."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from roofprof.advice.reasons import best_roofs
from roofprof.changes.factors import Factors, factors_of
from roofprof.changes.judge import ENOUGH_CALLS, Figures, Verdict, judge, worst
from roofprof.changes.match import CasePair
from roofprof.changes.notes import TRACE_NOTE
from roofprof.results.op import OpResult

METRICS = ("time", "dram_bytes", "flop_count", "roof")
"""What is judged. A smaller fraction of the roof is worse; of the others the larger figure is."""
_COUNTS = ("dram_bytes", "flop_count")


@dataclass(frozen=True, slots=True)
class OpDiff:
    """One op of a pair of cases."""

    op: str
    case: str
    verdict: Verdict
    verdicts: dict[str, Verdict | None]
    """By metric; None where a side is unknown. `verdict` follows time where that changed, else time and bytes."""
    a: OpResult | None
    b: OpResult | None
    factors: Factors | None
    kernels_changed: bool
    """Whether other kernels ran, by name."""
    too_few_calls: bool
    """Whether its time is inconclusive for that alone."""

    def ratio(self, field: str) -> float | None:
        """B over A of a field of the rows; None where one is unknown or A's is 0."""
        old, new = (None if op is None else getattr(op, field) for op in (self.a, self.b))
        return new / old if old and new is not None else None

    @property
    def change_ns(self) -> float | None:
        """B's time less A's; of an op that only one side has, all of it."""
        old, new = (0.0 if op is None else op.time_ns for op in (self.a, self.b))
        return None if old is None or new is None else new - old

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "op": self.op,
            "case": self.case,
            "verdict": str(self.verdict),
            "verdicts": {metric: verdict and str(verdict) for metric, verdict in self.verdicts.items()},
            "a": _side(self.a),
            "b": _side(self.b),
            "ratio": {name: self.ratio(field) for name, field in _RATIOS.items()},
            "change_ns": self.change_ns,
            "factors": asdict(self.factors) if self.factors else None,
            "kernels_changed": self.kernels_changed,
            "too_few_calls": self.too_few_calls,
        }


_RATIOS = {"duration": "time_ns", "dram_bytes": "dram_bytes", "flop_count": "flop_count",
           "arithmetic_intensity": "arithmetic_intensity", "roof_fraction": "of_roof"}  # fmt: skip
_SIDE = ("report", "implementation", "calls", "time_ns", "time_source", "dram_bytes", "flop_count",
         "arithmetic_intensity", "headroom_ns", "headroom_roof")  # fmt: skip


def _side(op: OpResult | None) -> dict[str, object] | None:
    if op is None:
        return None
    return {name: getattr(op, name) for name in _SIDE} | {"roof_fraction": op.of_roof, "spread": asdict(op.spread)}


def op_diff(pair: CasePair, title: str, a: OpResult, b: OpResult, threshold: float) -> OpDiff:
    """Compare the two sides of an op.

    Args:
        pair: their cases.
        title: of the pair.
        a: before.
        b: after.
        threshold: a fraction.
    """
    verdicts = {metric: judge(figures(a, metric), figures(b, metric), threshold) for metric in METRICS}
    few = min(a.calls, b.calls) < ENOUGH_CALLS and verdicts["time"] is not None
    # Under ncu a kernel runs alone, with start-up in its time: against an nsys time that is no change of the op.
    if few or a.time_source != b.time_source:
        verdicts |= {metric: Verdict.INCONCLUSIVE for metric in ("time", "roof") if verdicts[metric]}
    return OpDiff(
        op=a.op,
        case=title,
        verdict=_overall(verdicts, half_timed=(a.time_ns is None) != (b.time_ns is None)),
        verdicts=verdicts,
        a=a,
        b=b,
        factors=factors_of(a, b, best_roofs(pair.a.source, a)),
        kernels_changed=_kernels_changed(pair, a, b),
        too_few_calls=few,
    )


def one_sided(title: str, a: OpResult | None, b: OpResult | None) -> OpDiff:
    """The row of an op that one side alone has."""
    name = a.op if a else b.op if b else ""
    verdict = Verdict.APPEARED if a is None else Verdict.VANISHED
    return OpDiff(name, title, verdict, dict.fromkeys(METRICS), a, b, None, False, False)


def _overall(verdicts: Mapping[str, Verdict | None], half_timed: bool) -> Verdict:
    """Time decides where it changed; else bytes tell beside it. FLOPs alone make nothing slower.

    Args:
        verdicts: by metric.
        half_timed: one side's time alone is known: what bytes say then leaves doubt about the time.
    """
    time = Verdict.INCONCLUSIVE if half_timed else verdicts["time"]
    if time is Verdict.REGRESSED or time is Verdict.IMPROVED:
        return time
    return worst((time, verdicts["dram_bytes"])) or verdicts["flop_count"] or Verdict.INCONCLUSIVE


def figures(op: OpResult, metric: str) -> Figures:
    """One metric of one side, with its spread over calls; larger is worse.

    Args:
        op: of either side.
        metric: one of METRICS.
    """
    if metric in _COUNTS:
        return Figures.of(getattr(op, metric), getattr(op.spread, metric))
    time = _time(op)
    if metric == "time":
        return time
    if not op.of_roof or not time.value or time.low is None or time.high is None:
        return Figures(None, None, None)
    # The inverse of the fraction grows with time.
    inverse = 1 / op.of_roof
    return Figures(inverse, inverse * time.low / time.value, inverse * time.high / time.value)


def _time(op: OpResult) -> Figures:
    spread, value = op.spread.duration_ns, op.time_ns
    if value is not None and (calls := _calls_of_ranks(op)):
        return Figures(value, min(value, calls[len(calls) // 4]), max(value, calls[-1 - len(calls) // 4]))
    if value is None or spread.min is None or spread.max is None:
        return Figures(value, value, value)
    # The spread is of the times that ncu gave: around another's time it is laid as a share of its own.
    whole = value if op.duration_ns is None else op.duration_ns
    return (
        Figures(value, value * spread.min / whole, value * spread.max / whole) if whole else Figures.of(value, spread)
    )


def _calls_of_ranks(op: OpResult) -> list[float]:
    """The slowest rank's time of each call of a collective, in order of size, where all ranks' are known.

    A call may wait for any length of time, the first one for a start-up: the middle half of them is the spread.
    """
    slowest = []
    for call in op.rank_calls:
        known = [ns for ns in call.duration_ns if ns is not None]
        if known and len(known) >= len(op.ranks):
            slowest.append(max(known))
    return sorted(slowest)


def _kernels_changed(pair: CasePair, a: OpResult, b: OpResult) -> bool:
    """Not told of a trace beside ncu's reports: the two spell one kernel's name in two ways."""
    sides = (pair.a, a), (pair.b, b)
    if len({TRACE_NOTE in case.source.notes for case, _ in sides}) > 1:
        return False
    old, new = (
        sorted(case.kernels[key][1] for launch in op.kernels if (key := (op.report, launch)) in case.kernels)
        for case, op in sides
    )
    return old != new
