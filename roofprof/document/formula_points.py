"""The formulas of a decode case's ops at other batches, for a layer of which one batch was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps
from roofprof.formulas.layer import DISPATCHES, HEADS, expected_experts_hit
from roofprof.formulas.models import ShapeError, Work, evaluate
from roofprof.formulas.range_names import ShapeView
from roofprof.results.op import OpResult

FORMULA_BATCHES = (1, 16, 64, 128)
"""Where one batch alone was measured, the formula is given at these."""


@dataclass(frozen=True, slots=True)
class FormulaPoint:
    """An op's formula at other batches than the measured one."""

    op: OpResult
    by_batch: tuple[Work | None, ...]
    """At `FORMULA_BATCHES`; None where the shape cannot be had there."""


@dataclass(frozen=True, slots=True)
class CaseExperts:
    """The routed experts that a case was run with, read off the shapes of its ops."""

    total: int
    """To choose from, on all GPUs together."""
    local: int
    """On the profiled GPU: fewer than `total` under expert parallelism."""
    per_token: int
    groups: int = 1
    """Data-parallel groups whose tokens share the experts."""

    def hit(self, batch: int) -> float:
        """Experts here with a row when every group's decode step has `batch` tokens, routed evenly."""
        return expected_experts_hit(batch * self.groups, self.local, self.total, self.per_token)


def experts_of(case: CaseOps) -> CaseExperts | None:
    """The experts of a case, or None where its ops do not tell.

    The routing op says how many there are in all, the alignment op, else the dispatch's EP degree, how many are here.
    """
    shapes = [(op.formula.name, op.formula.shape) for op in case.ops if op.formula]
    routing = _first(shapes, ("topk", "topk_ungrouped"))
    total, per_token = _size(routing, "x"), _size(routing, "t")
    local = _size(_first(shapes, ("moe_prepare", "moe_align")), "x")
    degree = _size(_first(shapes, tuple(DISPATCHES.values())), "w")
    if local is None and total and degree:
        local = total // degree
    if not (total and per_token and local):
        return None
    heads = _size(_first(shapes, ("mla_decode", "mha_causal")), "h") or HEADS
    return CaseExperts(total, local, per_token, max(1, total // local // (HEADS // heads)))


def formula_points(case: CaseOps) -> list[FormulaPoint]:
    """The formulas of a decode case's ops at `FORMULA_BATCHES`: rows scale, experts hit as uniform routing expects."""
    if case.phase != "decode" or not case.batch:
        return []
    experts = experts_of(case)
    points = []
    for op in case.ops:
        if op.formula and op.formula.flop_count:
            works = tuple(_formula_at(op, case.batch, batch, experts) for batch in FORMULA_BATCHES)
            points.append(FormulaPoint(op, works))
    return points


def _formula_at(op: OpResult, batch: int, wanted: int, experts: CaseExperts | None) -> Work | None:
    assert op.formula is not None
    shape = dict(op.formula.shape)
    for key in ("m", "b", "r"):
        size = shape.get(key)
        if isinstance(size, int | float):
            shape[key] = size * wanted / batch if size * wanted % batch else int(size * wanted // batch)
    if "e" in shape:
        if experts is None:
            return None
        shape["e"] = experts.hit(wanted)
    try:
        return evaluate(op.formula.name, shape)
    except ShapeError:
        return None


def _first(shapes: Sequence[tuple[str, ShapeView]], formulas: Sequence[str]) -> ShapeView:
    return next((shape for name, shape in shapes if name in formulas), {})


def _size(shape: ShapeView, key: str) -> int | None:
    size = shape.get(key)
    return size if isinstance(size, int) else None
