"""Cases that differ in one size alone: how each op's numbers change with batch or with sequence length."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roofprof.formulas.layer import STEP_OPS
from roofprof.results.op import OpResult, case_title

Variable = Literal["batch", "seq_len"]
VARIABLES: tuple[Variable, ...] = ("batch", "seq_len")


@dataclass(frozen=True, slots=True)
class ScalingGroup:
    """Cases of one phase on one GPU that differ in `variable` alone."""

    variable: Variable
    phase: str
    fixed: int | None
    """The size that does not change: the length where the batch does, else the batch."""
    cache: str | None
    gpu: str
    cases: Mapping[int, Sequence[OpResult]]
    """The variable's values, rising -> the ops of that case."""

    @property
    def title(self) -> str:
        """The group in words."""
        lengths = {"decode": "KV length", "prefill": "new tokens"}
        word = lengths.get(self.phase, "length") if self.variable == "batch" else "batch"
        parts = [self.phase, f"{word} {self.fixed}" if self.fixed else None, self.cache and f"{self.cache} cache"]
        return ", ".join(part for part in parts if part)

    @property
    def stem(self) -> str:
        """The group in a file name."""
        letter = "s" if self.variable == "batch" else "b"
        parts = [self.phase, f"{letter}{self.fixed}" if self.fixed else None, self.cache, self.gpu]
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class CaseTotal:
    """The ops of a case's layer summed, then divided. None where no op is known."""

    op_count: int
    time_ns: float | None
    dram_bytes: float | None
    flop_count: float | None
    arithmetic_intensity: float | None
    formula_arithmetic_intensity: float | None
    """Over the ops that have a formula."""
    time_share_by_bound: Mapping[str, float]
    """Bound on the GPU that ran -> share of the time; `unknown` for the rest."""


def scaling_groups(ops: Sequence[OpResult], variable: Variable) -> list[ScalingGroup]:
    """The groups with at least two values of the variable. Of a case measured twice, the last counts."""
    other: Variable = "seq_len" if variable == "batch" else "batch"
    found: dict[tuple[str, int | None, str | None, str], dict[int, dict[str, list[OpResult]]]] = {}
    for op in ops:
        value = getattr(op, variable)
        if op.phase is None or value is None:
            continue
        key = op.phase, getattr(op, other), op.cache, op.measured_on.gpu
        found.setdefault(key, {}).setdefault(value, defaultdict(list))[op.report].append(op)
    return [
        ScalingGroup(variable, *key, {value: list(cases[value].values())[-1] for value in sorted(cases)})
        for key, cases in found.items()
        if len(cases) > 1
    ]


def series(group: ScalingGroup) -> dict[str, list[tuple[int, OpResult]]]:
    """Label -> (value, op) in rising order; the op with most time at any value first.

    The implementation is part of a label only where a case holds the op twice.
    """
    twice = {op.op for ops in group.cases.values() for op in ops if Counter(o.op for o in ops)[op.op] > 1}
    lines: dict[str, list[tuple[int, OpResult]]] = {}
    for value, ops in group.cases.items():
        for op in ops:
            lines.setdefault(op.label if op.op in twice else op.op, []).append((value, op))
    shares = {label: max(_time_share(op, group.cases[v]) for v, op in points) for label, points in lines.items()}
    return dict(sorted(lines.items(), key=lambda line: -shares[line[0]]))


def cases_of(ops: Sequence[OpResult]) -> dict[str, list[OpResult]]:
    """Ops by the title of their case, in order."""
    cases: dict[str, list[OpResult]] = {}
    for op in ops:
        cases.setdefault(case_title(op), []).append(op)
    return cases


def layer_part(ops: Sequence[OpResult]) -> list[OpResult]:
    """The ops that are part of the layer."""
    return [op for op in ops if op.op not in STEP_OPS]


def case_total(case: Sequence[OpResult]) -> CaseTotal:
    """Sum the ops of one case, those that run once for all layers left out."""
    ops = layer_part(case)
    flop_count, dram_bytes = _sum([op.flop_count for op in ops]), _sum([op.dram_bytes for op in ops])
    formulas = [op.formula for op in ops if op.formula]
    formula_bytes = sum(f.dram_bytes for f in formulas)
    # FLOPs over bytes of the same ops.
    both = [op for op in ops if op.flop_count is not None and op.dram_bytes]
    both_bytes = sum(op.dram_bytes or 0 for op in both)
    return CaseTotal(
        op_count=len(ops),
        time_ns=_sum([op.time_ns for op in ops]),
        dram_bytes=dram_bytes,
        flop_count=flop_count,
        arithmetic_intensity=sum(op.flop_count or 0 for op in both) / both_bytes if both_bytes else None,
        formula_arithmetic_intensity=sum(f.flop_count for f in formulas) / formula_bytes if formula_bytes else None,
        time_share_by_bound=_share_by_bound(ops),
    )


def _share_by_bound(ops: Sequence[OpResult]) -> dict[str, float]:
    total = sum(op.time_ns or 0 for op in ops)
    shares: dict[str, float] = {}
    for op in ops:
        bound = op.measured_on.bound or "unknown"
        if total and op.time_ns:
            shares[bound] = shares.get(bound, 0.0) + op.time_ns / total
    return shares


def _time_share(op: OpResult, ops: Sequence[OpResult]) -> float:
    total = sum(o.time_ns or 0 for o in layer_part(ops))
    return (op.time_ns or 0) / total if total else 0.0


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
