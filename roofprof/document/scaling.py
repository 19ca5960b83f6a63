"""How ops change with batch and with sequence length: measured over the cases there are, the formula beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.document.bottlenecks import Bottlenecks, bottlenecks
from roofprof.document.cases import Case, total
from roofprof.formulas.layer import EXPERTS, TOP_K
from roofprof.formulas.models import ShapeError, Work, evaluate
from roofprof.results.op import OpResult

FORMULA_BATCHES = (1, 16, 64, 128)
"""Where one batch alone was measured, the formula is given at these."""
CONSTANT_WITHIN = 0.15
"""An AI that changes by less is called constant."""


@dataclass(frozen=True, slots=True)
class ScalingRow:
    """One op over the cases of a series."""

    name: str
    points: tuple[OpResult | None, ...]
    """One a case; None where the case lacks the op."""

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
    """The whole layer at one point of a series."""

    case: Case
    bottlenecks: Bottlenecks
    time_ns: float | None
    flop_count: float | None
    dram_bytes: float | None

    @property
    def arithmetic_intensity(self) -> float | None:
        """Sums first, then the division."""
        return self.flop_count / self.dram_bytes if self.flop_count is not None and self.dram_bytes else None

    @property
    def time_per_token_ns(self) -> float | None:
        """Time of the layer over its tokens."""
        return self.time_ns / self.case.tokens if self.time_ns is not None and self.case.tokens else None


@dataclass(frozen=True, slots=True)
class Series:
    """Cases that differ in batch alone, or in length alone."""

    phase: str
    axis: str
    """`batch` or `seq_len`."""
    fixed: int
    """The value of the other one."""
    cache: str | None
    values: tuple[int, ...]
    layers: tuple[LayerPoint, ...]
    rows: tuple[ScalingRow, ...]


@dataclass(frozen=True, slots=True)
class FormulaPoint:
    """An op's formula at another batch than the measured one."""

    op: OpResult
    by_batch: tuple[Work | None, ...]
    """At `FORMULA_BATCHES`."""


def series_of(cases: Sequence[Case], axis: str) -> list[Series]:
    """Every series of at least two points along `batch` or `seq_len`, decode first, longest first."""
    other = "seq_len" if axis == "batch" else "batch"
    groups: dict[tuple[str, int, str | None, str], dict[int, Case]] = {}
    for case in cases:
        value, fixed = getattr(case, axis), getattr(case, other)
        if case.phase and value and fixed:
            key = case.phase, fixed, case.cache, case.source.gpu.name
            groups.setdefault(key, {}).setdefault(value, case)
    series = [
        _series(key, axis, [found[value] for value in sorted(found)]) for key, found in groups.items() if len(found) > 1
    ]
    return sorted(series, key=lambda s: (s.phase, -len(s.values)))


def formula_points(case: Case) -> list[FormulaPoint]:
    """The formulas of a decode case's ops at other batches: rows scale, experts hit as uniform routing expects."""
    if case.phase != "decode" or not case.batch:
        return []
    points = []
    for op in case.ops:
        if op.formula and op.formula.flop_count:
            works = tuple(_formula_at(op, case.batch, batch) for batch in FORMULA_BATCHES)
            points.append(FormulaPoint(op, works))
    return points


def _series(key: tuple[str, int, str | None, str], axis: str, cases: Sequence[Case]) -> Series:
    phase, fixed, cache, _ = key
    by_label = any(case.alternatives for case in cases)
    tables = [{(op.label if by_label else op.op): op for op in case.ops} for case in cases]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = [ScalingRow(name, tuple(table.get(name) for table in tables)) for name in names]
    values = tuple(getattr(case, axis) for case in cases)
    layers = tuple(_layer(case) for case in cases)
    return Series(phase, axis, fixed, cache, values, layers, tuple(rows))


def _layer(case: Case) -> LayerPoint:
    flops, traffic = (total(getattr(op, name) for op in case.ops) for name in ("flop_count", "dram_bytes"))
    return LayerPoint(case, bottlenecks(case), case.time_ns, flops, traffic)


def _growth(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value]
    return known[-1] / known[0] if len(known) > 1 else None


def _formula_at(op: OpResult, batch: int, wanted: int) -> Work | None:
    assert op.formula is not None
    shape = dict(op.formula.shape)
    for key in ("m", "b", "r"):
        size = shape.get(key)
        if isinstance(size, int):
            shape[key] = size * wanted // batch
    if "e" in shape:
        shape["e"] = EXPERTS * (1 - (1 - TOP_K / EXPERTS) ** wanted)
    try:
        return evaluate(op.formula.name, shape)
    except ShapeError:
        return None
