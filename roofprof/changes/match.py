"""Which op of one analysis is which of the other: by name; shape, case and kernel only break ties."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from roofprof.document.cases import CaseOps
from roofprof.results.op import OpResult

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CasePair:
    """Two cases that are compared."""

    a: CaseOps
    b: CaseOps


@dataclass(frozen=True, slots=True)
class Matched:
    """The cases of two analyses."""

    pairs: tuple[CasePair, ...]
    only_a: tuple[CaseOps, ...]
    """Without a counterpart: in no verdict."""
    only_b: tuple[CaseOps, ...]


def match_cases(a: Sequence[CaseOps], b: Sequence[CaseOps]) -> Matched:
    """Pair cases of one phase, batch and length; where no case of a phase finds its like, the most alike ones.

    So batch 64 compares with 128 where each side has one batch, and of two sweeps what they have in common. Cases of
    different phases are paired only where nothing else is.
    """
    pairs = _paired(a, b, lambda case: (case.phase, case.batch, case.seq_len))
    phases = {case.phase for pair in pairs for case in pair}
    left_a, left_b = ([case for case in side if case.phase not in phases] for side in (a, b))
    pairs += _paired(left_a, left_b, lambda case: case.phase)
    pairs = pairs or _best_pairs(a, b, _case_likeness)
    left, right = {id(x) for x, _ in pairs}, {id(y) for _, y in pairs}
    return Matched(
        tuple(CasePair(case, next(y for x, y in pairs if x is case)) for case in a if id(case) in left),
        tuple(case for case in a if id(case) not in left),
        tuple(case for case in b if id(case) not in right),
    )


def _paired(
    a: Sequence[CaseOps], b: Sequence[CaseOps], alike_in: Callable[[CaseOps], Hashable]
) -> list[tuple[CaseOps, CaseOps]]:
    """The best pairs among cases that are alike in something."""
    found: list[tuple[CaseOps, CaseOps]] = []
    for key in dict.fromkeys(map(alike_in, a)):
        own, other = ([case for case in side if alike_in(case) == key] for side in (a, b))
        found += _best_pairs(own, other, _case_likeness)
    return found


def match_ops(a: Sequence[OpResult], b: Sequence[OpResult]) -> list[tuple[OpResult | None, OpResult | None]]:
    """Pair ops of one name, in A's order; then those that only one side has."""
    partner: dict[int, OpResult] = {}
    for name in dict.fromkeys(op.op for op in a):
        own, other = [op for op in a if op.op == name], [op for op in b if op.op == name]
        partner |= {id(x): y for x, y in _best_pairs(own, other, _op_likeness)}
    taken = {id(op) for op in partner.values()}
    found: list[tuple[OpResult | None, OpResult | None]] = [(op, partner.get(id(op))) for op in a]
    return found + [(None, op) for op in b if id(op) not in taken]


def _best_pairs(a: Sequence[T], b: Sequence[T], likeness: Callable[[T, T], Hashable]) -> list[tuple[T, T]]:
    """Take the most alike pair, again and again; equals keep their order. Returned in A's order."""
    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    scored = sorted(
        ((likeness(x, y), -abs(i - j), -i, -j, i, j) for i, x in enumerate(a) for j, y in enumerate(b)), reverse=True
    )
    chosen: dict[int, int] = {}
    for *_, i, j in scored:
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [(a[i], b[chosen[i]]) for i in sorted(chosen)]


def _case_likeness(a: CaseOps, b: CaseOps) -> tuple[bool, ...]:
    names = {op.op for op in a.ops} & {op.op for op in b.ops}
    return bool(names), a.cache == b.cache, a.batch == b.batch, a.seq_len == b.seq_len, a.report == b.report


def _op_likeness(a: OpResult, b: OpResult) -> tuple[bool, ...]:
    shapes = a.formula.shape if a.formula else None, b.formula.shape if b.formula else None
    return (
        a.nvtx_path[:-1] == b.nvtx_path[:-1], a.implementation == b.implementation, shapes[0] == shapes[1],
        len(a.kernels) == len(b.kernels),
    )  # fmt: skip
