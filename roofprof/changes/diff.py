"""Two analyses set side by side: what changed, by how much, and whether that is more than chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofprof.changes.judge import Verdict
from roofprof.changes.match import CasePair, match_cases, match_ops
from roofprof.changes.notes import notes_of
from roofprof.changes.op_diff import OpDiff, one_sided, op_diff
from roofprof.document.cases import CaseOps, cases_of
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

DEFAULT_THRESHOLD = 0.03


@dataclass(frozen=True, slots=True)
class CaseDiff:
    """One pair of cases."""

    pair: CasePair
    title: str
    ops: tuple[OpDiff, ...]
    """Largest change of time first."""

    @property
    def times_ns(self) -> tuple[float | None, float | None]:
        """One layer's time, or that of all that was captured, before and after."""
        return self.pair.a.time_ns, self.pair.b.time_ns


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

    unmatched: tuple[OpDiff, ...] = ()
    """The ops of `only_a` and `only_b`, vanished and appeared."""

    @property
    def ops(self) -> tuple[OpDiff, ...]:
        """Of every pair of cases: what verdicts are counted over."""
        return tuple(op for case in self.cases for op in case.ops)

    @property
    def rows(self) -> tuple[OpDiff, ...]:
        """Every op of both sides, once."""
        return (*self.ops, *self.unmatched)


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
    vanished = [one_sided(case.title, op, None) for case in matched.only_a for op in _rows(case)]
    appeared = [one_sided(case.title, None, op) for case in matched.only_b for op in _rows(case)]
    unmatched = tuple(row for row in (*vanished, *appeared) if wanted(row, only))
    notes = tuple(notes_of(a, b, matched))
    return Diff(a, b, threshold, cases, matched.only_a, matched.only_b, notes, unmatched)


def _case_diff(pair: CasePair, threshold: float, only: Callable[[str], bool] | None) -> CaseDiff:
    title = pair.a.title if pair.a.title == pair.b.title else _changed(pair.a.title, pair.b.title)
    found = [
        op_diff(pair, title, old, new, threshold) if old and new else one_sided(title, old, new)
        for old, new in match_ops(_rows(pair.a), _rows(pair.b))
    ]
    kept = [row for row in found if wanted(row, only)]
    kept.sort(key=lambda row: -abs(row.change_ns or 0.0))
    return CaseDiff(pair, title, tuple(kept))


def _rows(case: CaseOps) -> tuple[OpResult, ...]:
    return (*case.ops, *case.step_ops)


def wanted(row: OpDiff, only: Callable[[str], bool] | None) -> bool:
    """Whether a choice of names takes an op, by its name or the label of either side."""
    return only is None or only(row.op) or any(side and only(side.label) for side in (row.a, row.b))


def _changed(a: str, b: str) -> str:
    """`Decode, batch 64 → 128, cold cache`: what differs between two titles, once."""
    old, new = a.split(", "), b.split(", ")
    if len(old) != len(new):
        return f"{a} → {b}"
    return ", ".join(x if x == y else _changed_words(x.split(" "), y.split(" ")) for x, y in zip(old, new, strict=True))


def _changed_words(a: list[str], b: list[str]) -> str:
    """`cold → warm cache`: words that both begin or end with stand once."""
    start = _same(a, b)
    ending = _same(a[:start:-1], b[:start:-1])
    return " ".join([*a[: len(a) - ending], "→", *b[start:]])


def _same(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words two texts begin with in common."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def counts(ops: Sequence[OpDiff]) -> dict[Verdict, int]:
    """How many ops of each verdict, in the order of `Verdict`."""
    return {verdict: number for verdict in Verdict if (number := sum(op.verdict is verdict for op in ops))}
