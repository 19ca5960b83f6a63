"""The formula at other batches takes the experts, EP and TP of the case itself."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from made_reports import made_op

from roofprof.document.cases import CaseOps, cases_of
from roofprof.document.formula_points import FORMULA_BATCHES, CaseExperts, experts_of, formula_points
from roofprof.formulas.layer import RECIPES, LayerCase, expected_experts_hit, layer_ops
from roofprof.formulas.models import evaluate
from roofprof.results.report import RooflineReport

Build = Callable[..., CaseOps]


@pytest.fixture
def case(decode: RooflineReport) -> Build:
    """One decode case of a layer, its ops changed where a shape is given."""

    def build(layer: LayerCase, **shapes: dict[str, int]) -> CaseOps:
        ops = []
        for number, spec in enumerate(layer_ops(layer)):
            spec = replace(spec, shape={**spec.shape, **shapes.get(spec.op, {})})
            ops.append(made_op(spec, layer, number, {}, "made"))
        (found,) = cases_of([replace(decode, ops=ops)])
        return found

    return build


def intensities(case: CaseOps, op: str) -> list[float | None]:
    (point,) = [point for point in formula_points(case) if point.op.op == op]
    return [work and work.arithmetic_intensity for work in point.by_batch]


def test_expert_parallelism_8_reaches_intensities_worked_out_by_hand(case: Build) -> None:
    found = intensities(case(LayerCase("decode", 64, recipe=RECIPES["fp8"], ep=8)), "moe_gate_up")
    assert dict(zip(FORMULA_BATCHES, found, strict=True)).keys() == {1, 16, 64, 128}
    assert [round(value, 1) for value in found[1:] if value] == [8.1, 31.7, 62.9]


@pytest.mark.parametrize(("tp", "ep"), [(1, 1), (2, 1), (8, 1), (1, 4), (1, 32), (4, 8), (1, 256)])
@pytest.mark.parametrize("measured", [1, 48, 128])
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_op_is_the_layers_own_at_that_batch(case: Build, recipe: str, measured: int, tp: int, ep: int) -> None:
    layer = LayerCase("decode", measured, 4096, RECIPES[recipe], tp=tp, ep=ep)
    points = formula_points(case(layer))
    assert points
    for index, batch in enumerate(FORMULA_BATCHES):
        wanted = {spec.op: spec.work for spec in layer_ops(replace(layer, batch=batch))}
        for point in points:
            assert point.by_batch[index] is not None
            assert point.by_batch[index].arithmetic_intensity == pytest.approx(  # type: ignore[union-attr]
                wanted[point.op.op].arithmetic_intensity
            ), (point.op.op, batch)


def test_fewer_experts_are_those_of_the_case(case: Build) -> None:
    """`capture --experts 64`: routing and alignment say 64, and counted shapes stay what they are."""
    few = case(
        LayerCase("decode", 64, recipe=RECIPES["fp8"]), topk={"x": 64}, moe_align={"x": 64}, moe_gate_up={"e": 63}
    )
    assert experts_of(few) == CaseExperts(64, 64, 8)
    shape = {"m": 16, "n": 4096, "k": 7168, "e": 64 * (1 - (1 - 8 / 64) ** 16), "t": 8, "precision": "fp8"}
    assert intensities(few, "moe_gate_up")[1] == pytest.approx(evaluate("moe_gemm", shape).arithmetic_intensity)


def test_the_dispatch_tells_the_experts_here_where_no_alignment_ran(case: Build) -> None:
    whole = case(LayerCase("decode", 64, recipe=RECIPES["fp8"], ep=8))
    part = replace(whole, ops=tuple(op for op in whole.ops if op.op != "moe_align"))
    assert experts_of(part) == experts_of(whole) == CaseExperts(256, 32, 8, groups=8)


def test_experts_that_a_case_does_not_tell_are_unknown(case: Build) -> None:
    whole = case(LayerCase("decode", 64, recipe=RECIPES["fp8"]))
    alone = replace(whole, ops=tuple(op for op in whole.ops if op.op in ("moe_gate_up", "q_b_proj")))
    assert experts_of(alone) is None
    assert intensities(alone, "moe_gate_up") == [None] * len(FORMULA_BATCHES)
    assert None not in intensities(alone, "q_b_proj")


def test_no_more_experts_are_hit_than_there_are() -> None:
    assert expected_experts_hit(1, 256) == pytest.approx(8)
    assert expected_experts_hit(1 << 20, 32, 256) == pytest.approx(32)
    assert expected_experts_hit(3, 4, 8, 8) == 4
