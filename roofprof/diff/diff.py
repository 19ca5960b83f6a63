"""Two analyses set side by side: what changed, by how much, and whether that is more than chance."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from roofprof.advice.reasons import best_roofs
from roofprof.diff.factors import Factors, factors_of
from roofprof.diff.judge import ENOUGH_CALLS, Figures, Verdict, judge, worst
from roofprof.diff.match import CasePair, Matched, match_cases, match_ops
from roofprof.document.cases import CaseOps, cases_of, sum_of
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

METRICS = ("time", "dram_bytes", "flop_count")
"""What is judged, and what a gate may be on; `roof` besides, which follows from the three."""
DEFAULT_THRESHOLD = 0.03


@dataclass(frozen=True, slots=True)
class OpDiff:
    """One op of a pair of cases."""

    op: str
    case: str
    verdict: Verdict
    verdicts: dict[str, Verdict | None]
    """By metric; None where a side is unknown."""
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
            "factors": asdict(self.factors) if self.factors else None,
            "kernels_changed": self.kernels_changed,
            "too_few_calls": self.too_few_calls,
        }


_RATIOS = {"duration": "time_ns", "dram_bytes": "dram_bytes", "flop_count": "flop_count"}
_SIDE = ("report", "implementation", "calls", "time_ns", "time_source", "dram_bytes", "flop_count",
         "arithmetic_intensity", "headroom_ns", "headroom_roof")  # fmt: skip


def _side(op: OpResult | None) -> dict[str, object] | None:
    if op is None:
        return None
    return {name: getattr(op, name) for name in _SIDE} | {"roof_fraction": op.of_roof, "spread": asdict(op.spread)}


@dataclass(frozen=True, slots=True)
class CaseDiff:
    """One pair of cases."""

    pair: CasePair
    title: str
    ops: tuple[OpDiff, ...]
    """Largest change of time first."""

    @property
    def times_ns(self) -> tuple[float | None, float | None]:
        """One layer's time before and after."""
        a, b = (sum_of(op.time_ns for op in case.layer).value for case in (self.pair.a, self.pair.b))
        return a, b


@dataclass(frozen=True, slots=True)
class Diff:
    """All of it."""

    a: RooflineReport
    b: RooflineReport
    threshold: float
    cases: tuple[CaseDiff, ...]
    only_a: tuple[CaseOps, ...]
    only_b: tuple[CaseOps, ...]
    notes: tuple[str, ...]
    """What is not alike on the two sides, and what that means for the comparison."""

    @property
    def ops(self) -> tuple[OpDiff, ...]:
        """Of every case."""
        return tuple(op for case in self.cases for op in case.ops)


def diff(
    a: RooflineReport,
    b: RooflineReport,
    threshold: float = DEFAULT_THRESHOLD,
    only: Callable[[str], bool] | None = None,
) -> Diff:
    """Compare two analyses.

    Args:
        a: before.
        b: after.
        threshold: a change within this fraction is none.
        only: keeps the ops whose name or label it accepts.
    """
    matched = match_cases(cases_of([a]), cases_of([b]))
    cases = tuple(_case_diff(pair, threshold, only) for pair in matched.pairs)
    return Diff(a, b, threshold, cases, matched.only_a, matched.only_b, tuple(_notes(a, b, matched)))


def _case_diff(pair: CasePair, threshold: float, only: Callable[[str], bool] | None) -> CaseDiff:
    title = pair.a.title if pair.a.title == pair.b.title else _changed(pair.a.title, pair.b.title)
    rows = match_ops((*pair.a.ops, *pair.a.step_ops), (*pair.b.ops, *pair.b.step_ops))
    found = [_op_diff(pair, title, old, new, threshold) for old, new in rows]
    kept = [row for row in found if only is None or only(row.op) or any(o and only(o.label) for o in (row.a, row.b))]
    kept.sort(key=lambda row: -abs(row.change_ns or 0.0))
    return CaseDiff(pair, title, tuple(kept))


def _changed(a: str, b: str) -> str:
    """`Decode, batch 64 → 128, cold cache`: what differs between two titles, once."""
    old, new = a.split(", "), b.split(", ")
    if len(old) != len(new):
        return f"{a} → {b}"
    return ", ".join(
        x if x == y else f"{x} → {y.removeprefix(_same_words(x, y))}" for x, y in zip(old, new, strict=True)
    )


def _same_words(a: str, b: str) -> str:
    """The words that two texts begin with, with the space after them."""
    same = 0
    for x, y in zip(a.split(" "), b.split(" "), strict=False):
        if x != y:
            break
        same += len(x) + 1
    return b[:same]


def _op_diff(pair: CasePair, title: str, a: OpResult | None, b: OpResult | None, threshold: float) -> OpDiff:
    name = (a or b).op  # type: ignore[union-attr]
    if a is None or b is None:
        verdict = Verdict.APPEARED if a is None else Verdict.VANISHED
        return OpDiff(name, title, verdict, dict.fromkeys(METRICS), a, b, None, False, False)
    verdicts = {metric: judge(_figures(a, metric), _figures(b, metric), threshold) for metric in METRICS}
    few = min(a.calls, b.calls) < ENOUGH_CALLS and verdicts["time"] is not None
    if few:
        verdicts["time"] = Verdict.INCONCLUSIVE
    return OpDiff(
        op=name,
        case=title,
        verdict=worst(verdicts.values()) or Verdict.INCONCLUSIVE,
        verdicts=verdicts,
        a=a,
        b=b,
        factors=factors_of(a, b, best_roofs(pair.a.source, a)),
        kernels_changed=_kernels(pair.a, a) != _kernels(pair.b, b),
        too_few_calls=few,
    )


def _figures(op: OpResult, metric: str) -> Figures:
    if metric == "time":
        # The spread is of ncu's times: it is laid round nsys' time as a share of its own.
        spread, value = op.spread.duration_ns, op.time_ns
        if value is None or not op.duration_ns or spread.min is None or spread.max is None:
            return Figures(value, value, value)
        return Figures(value, value * spread.min / op.duration_ns, value * spread.max / op.duration_ns)
    return Figures.of(getattr(op, metric), getattr(op.spread, metric))


def _kernels(case: CaseOps, op: OpResult) -> list[str]:
    return sorted(case.kernels[op.report, launch][1] for launch in op.kernels if (op.report, launch) in case.kernels)


def _notes(a: RooflineReport, b: RooflineReport, matched: Matched) -> list[str]:
    notes = []
    if a.gpu.name != b.gpu.name:
        notes.append(
            f"measured on {a.gpu.sku} and on {b.gpu.sku}: bytes and FLOPs compare; time shows the GPUs too, "
            "and efficiency is against the first one's roofs"
        )
    for word, value in (("recipe", _recipes), ("cache", _caches)):
        old, new = value(a), value(b)
        if old != new:
            notes.append(f"{word}: {_joined(old)} before, {_joined(new)} after")
    for side, cases in (("before", matched.only_a), ("after", matched.only_b)):
        if cases:
            notes.append(f"only {side}, in no verdict: {'; '.join(case.title for case in cases)}")
    sources = {op.time_source for report in (a, b) for op in report.ops}
    if len(sources) > 1:
        notes.append("some times are nsys', some ncu's: changes of time between the two mean little")
    return notes


def _joined(words: set[str]) -> str:
    return " and ".join(sorted(words)) or "unknown"


def _recipes(report: RooflineReport) -> set[str]:
    captures = [entry.get("capture") or {} for entry in report.reports]
    return {str(capture["recipe"]) for capture in captures if capture.get("recipe")}


def _caches(report: RooflineReport) -> set[str]:
    return {op.cache for op in report.ops if op.cache}


GATES = (*METRICS, "roof", "any")


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a change may pass."""

    threshold: float
    metric: str
    regressed: tuple[OpDiff, ...]
    inconclusive: tuple[OpDiff, ...]
    compared: int

    @property
    def ok(self) -> bool:
        """Nothing regressed, nothing in doubt, and something compared."""
        return bool(self.compared) and not self.regressed and not self.inconclusive

    @property
    def exit_code(self) -> int:
        """0 passes, 1 regressed, 3 in doubt."""
        return 0 if self.ok else 1 if self.regressed else 3

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "threshold": self.threshold,
            "metric": self.metric,
            "ok": self.ok,
            "compared": self.compared,
            "regressed": [op.op for op in self.regressed],
            "inconclusive": [op.op for op in self.inconclusive],
        }


def gate(found: Diff, metric: str = "any") -> Gate:
    """Judge a diff as a whole by one metric, or by any."""
    judged = [(op, _gated(op, metric, found.threshold)) for op in found.ops if op.a and op.b]
    return Gate(
        found.threshold,
        metric,
        tuple(op for op, verdict in judged if verdict is Verdict.REGRESSED),
        tuple(op for op, verdict in judged if verdict in (Verdict.INCONCLUSIVE, None)),
        len(judged),
    )


def _gated(op: OpDiff, metric: str, threshold: float) -> Verdict | None:
    if metric == "any":
        return op.verdict
    if metric != "roof":
        return op.verdicts[metric]
    # A smaller fraction of the roof is worse: its inverse grows, with the spread of the times.
    if op.too_few_calls:
        return Verdict.INCONCLUSIVE
    sides = [_below_roof(side) for side in (op.a, op.b) if side]
    return judge(sides[0], sides[1], threshold)


def _below_roof(op: OpResult) -> Figures:
    time = _figures(op, "time")
    if not op.of_roof or time.value is None or time.low is None or time.high is None or not time.value:
        return Figures(None, None, None)
    inverse = 1 / op.of_roof
    return Figures(inverse, inverse * time.low / time.value, inverse * time.high / time.value)


def counts(ops: Sequence[OpDiff]) -> dict[Verdict, int]:
    """How many ops of each verdict, in the order of `Verdict`."""
    return {verdict: number for verdict in Verdict if (number := sum(op.verdict is verdict for op in ops))}
