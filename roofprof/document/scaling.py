"""How ops change with batch and with sequence length, measured: the one engine behind document, tables and plots."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from roofprof.document.bottlenecks import Bottlenecks, bottlenecks
from roofprof.document.cases import CaseOps, Sum, counted, counting_cases, quotient_of, sum_of, superseded
from roofprof.results.op import OpResult, length_word

Axis = Literal["batch", "seq_len"]
AXES: tuple[Axis, ...] = ("batch", "seq_len")

CONSTANT_WITHIN = 0.15
"""An AI that changes by less is called constant."""


@dataclass(frozen=True, slots=True)
class ScalingRow:
    """One op over the cases of a series."""

    name: str
    points: tuple[OpResult | None, ...]
    """One per case; None where the op was not measured in it."""

    @property
    def growth(self) -> float | None:
        """Measured AI of the last point over the first's."""
        return _growth([p.arithmetic_intensity if p else None for p in self.points])

    @property
    def useful_growth(self) -> float | None:
        """The same of the formula's FLOPs over the counted bytes: without the padding of tiles."""
        return _growth([
            p.formula.flop_count / p.dram_bytes if p and p.formula and p.dram_bytes else None for p in self.points
        ])  # fmt: skip

    @property
    def work_ratios(self) -> tuple[float, float] | None:
        """Work ratio of the first and of the last point."""
        known = [p.work_ratio for p in self.points if p and p.work_ratio]
        return (known[0], known[-1]) if len(known) > 1 else None

    @property
    def padded(self) -> bool:
        """Whether the counted AI hides a change of the useful one: padded tiles do the same work at every size."""
        useful, counted, ratios = self.useful_growth, self.growth, self.work_ratios
        if not useful or not counted or not ratios:
            return False
        same = abs(counted - 1) <= CONSTANT_WITHIN
        return same and abs(useful - 1) > CONSTANT_WITHIN and max(ratios) > 1 + CONSTANT_WITHIN

    @property
    def formula_growth(self) -> float | None:
        """The same by formula."""
        return _growth([p.formula.arithmetic_intensity if p and p.formula else None for p in self.points])


@dataclass(frozen=True, slots=True)
class LayerPoint:
    """The whole layer of one case: its ops summed, `lm_head` and other ops that run once per step left out."""

    case: CaseOps
    bottlenecks: Bottlenecks
    time_ns: Sum
    flop_count: Sum
    dram_bytes: Sum
    intensity: Sum
    """FLOPs over DRAM bytes: sums first, then the division."""
    formula_intensity: Sum
    """The same by formula; an op without one is an unknown part."""

    @property
    def arithmetic_intensity(self) -> float | None:
        """Of the whole layer; None where the FLOPs or bytes of an op are unknown."""
        return self.intensity.value

    @property
    def time_per_token_ns(self) -> float | None:
        """Time of the layer over its tokens."""
        time = self.time_ns.value
        return time / self.case.tokens if time is not None and self.case.tokens else None


@dataclass(frozen=True, slots=True)
class Series:
    """Cases of one phase on one GPU that differ in batch alone, or in length alone."""

    axis: Axis
    phase: str
    fixed: int | None
    """The size that does not change: the length where the batch does, else the batch."""
    cache: str | None
    gpu: str
    values: tuple[int, ...]
    """Of the axis, rising."""
    layers: tuple[LayerPoint, ...]
    """One per value, like the points of `rows`."""
    rows: tuple[ScalingRow, ...]
    """In launch order."""
    superseded: tuple[tuple[CaseOps, CaseOps], ...] = ()
    """Cases of this series that were measured again, each with the one that counts."""

    @property
    def title(self) -> str:
        """The series in words."""
        word = length_word(self.phase) if self.axis == "batch" else "batch"
        parts = [self.phase, f"{word} {self.fixed}" if self.fixed else None, self.cache and f"{self.cache} cache"]
        return ", ".join(part for part in parts if part)

    @property
    def stem(self) -> str:
        """The series in a file name."""
        letter = "s" if self.axis == "batch" else "b"
        parts = [self.phase, f"{letter}{self.fixed}" if self.fixed else None, self.cache, self.gpu]
        return "-".join(part for part in parts if part)

    @property
    def rows_by_time(self) -> list[ScalingRow]:
        """The row with the largest share of the layer's known time at any value first."""
        return sorted(self.rows, key=lambda row: -max(self._shares(row), default=0.0))

    def _shares(self, row: ScalingRow) -> Iterator[float]:
        for point, layer in zip(row.points, self.layers, strict=True):
            if point and point.time_ns and layer.time_ns.known:
                yield (layer.case.time_of(point) or 0.0) / layer.time_ns.known


def layer_point(case: CaseOps) -> LayerPoint:
    """Sum one case."""
    ops = case.layer
    return LayerPoint(
        case=case,
        bottlenecks=bottlenecks(case),
        time_ns=case.time,
        flop_count=sum_of(counted(op, op.flop_count) for op in ops),
        dram_bytes=sum_of(counted(op, op.dram_bytes) for op in ops),
        intensity=quotient_of((counted(op, op.flop_count), counted(op, op.dram_bytes)) for op in ops),
        formula_intensity=quotient_of(
            (counted(op, op.formula.flop_count), counted(op, op.formula.dram_bytes)) if op.formula else (None, None)
            for op in ops
        ),
    )


def series_of(cases: Sequence[CaseOps], axis: Axis) -> list[Series]:
    """Every series of at least two points along an axis, decode first, longest first.

    Of a case measured more than once the last one given counts (`counting_cases`); the series names the others.
    """
    other = "seq_len" if axis == "batch" else "batch"
    groups: dict[tuple[str, int | None, str | None, str], dict[int, CaseOps]] = {}
    for case in counting_cases(cases):
        value: int | None = getattr(case, axis)
        if case.phase and value:
            groups.setdefault((case.phase, getattr(case, other), case.cache, case.gpu), {})[value] = case
    again = superseded(cases)
    series = []
    for key, found in groups.items():
        if len(found) > 1:
            own = [found[value] for value in sorted(found)]
            twins = tuple(pair for pair in again if any(pair[1] is case for case in own))
            layers = tuple(layer_point(case) for case in own)
            series.append(Series(axis, *key, tuple(sorted(found)), layers, tuple(_rows(own)), twins))
    return sorted(series, key=lambda s: (s.phase, -len(s.values)))


def _rows(cases: Sequence[CaseOps]) -> Iterator[ScalingRow]:
    """Rows by op; the implementation is part of a name only where a case holds the op twice."""
    every = [(*case.ops, *case.step_ops) for case in cases]
    twice = {name for ops in every for name, count in Counter(op.op for op in ops).items() if count > 1}
    tables = [_named(ops, twice) for ops in every]
    for name in dict.fromkeys(name for table in tables for name in table):
        yield ScalingRow(name, tuple(table.get(name) for table in tables))


def _named(ops: Sequence[OpResult], twice: set[str]) -> dict[str, OpResult]:
    """Ops by name; rows that even their label does not tell apart are numbered, so that none hides another."""
    named: dict[str, OpResult] = {}
    seen: Counter[str] = Counter()
    for op in ops:
        name = op.label if op.op in twice else op.op
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} #{seen[name]}"] = op
    return named


def _growth(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value]
    return known[-1] / known[0] if len(known) > 1 else None
