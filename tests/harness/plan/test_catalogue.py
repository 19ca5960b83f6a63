"""What the modules of harness/ops declare, found without a list of them."""

import importlib
import pkgutil
import types

import pytest

from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, layer_ops
from roofprof.formulas.models import FORMULAS, evaluate
from roofprof.formulas.request import VARIANTS
from roofprof.harness import ops
from roofprof.harness.inputs.counts import Counts, expected_counts
from roofprof.harness.inputs.op import Implementation, Op
from roofprof.harness.plan.catalogue import (
    CATALOGUE,
    OPS,
    collect_implementations,
    collect_ops,
    counted,
    op_of,
    variants_of,
)

ROUTED = Counts(experts=16, tokens=5, per_token=8, rows_per_expert=(0, 7, 0, 33))
"""40 rows on 4 experts here, 2 of them hit."""


def module(**declared):
    made = types.ModuleType("toy")
    vars(made).update(declared)
    return made


def test_every_module_of_ops_is_found():
    names = [found.name for found in pkgutil.iter_modules(ops.__path__) if not found.name.startswith("_")]
    assert len(names) > 10
    for name in names:
        declared = importlib.import_module(f"roofprof.harness.ops.{name}").IMPLEMENTATIONS
        assert declared
        assert set(declared) <= set(CATALOGUE)


def test_declared_formulas_exist():
    assert OPS.keys() <= FORMULAS.keys()
    assert {formula for i in CATALOGUE for formula in i.formulas} <= FORMULAS.keys()


def test_a_formula_is_declared_once():
    toy = module(OPS=(Op("add"),))
    assert collect_ops([toy]) == {"add": toy.OPS[0]}
    with pytest.raises(ValueError, match="toy declares add a second time"):
        collect_ops([toy, toy])


def test_order_decides_across_modules_and_position_within_one():
    def implementation(name, order=0):
        return Implementation(name, ("add",), lambda ctx, spec: pytest.fail("never made"), order=order)

    first = module(IMPLEMENTATIONS=(implementation("late", 1), implementation("a"), implementation("b")))
    second = module(IMPLEMENTATIONS=(implementation("c"), implementation("early", -1)))
    found = collect_implementations([first, second, module()])
    assert [i.name for i in found] == ["early", "a", "b", "c", "late"]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (
            OpSpec("quant_moe_gate_up", "quant", {"m": 1, "k": 512, "precision": "fp4"}),
            ["scaled_fp4_experts_quant", "sglang_scaled_fp4_experts_quant", "scaled_fp4_quant"],
        ),
        (
            OpSpec("moe_gate_up", "moe_gemm", {"m": 1, "n": 1, "k": 1, "e": 1, "precision": "fp4"}),
            ["cutlass_fp4_group_mm", "sglang_cutlass_fp4_group_mm", "trtllm_fp4_block_scale_moe"],
        ),
    ],
)
def test_modules_that_share_an_op_are_tried_in_order(spec, names):
    serving = [i.name for i in CATALOGUE if i.serves(spec) and "fp4" in i.precisions]
    assert [name for name in serving if name in names] == names


@pytest.mark.parametrize(
    ("op", "sizes"),
    [
        ("topk", {"m": 5, "x": 16, "t": 8}),
        ("moe_align", {"m": 5, "x": 4, "t": 8}),
        ("moe_permute", {"m": 5, "r": 40, "k": 7168}),
        ("moe_gate_up", {"m": 5, "n": 4096, "k": 7168, "e": 2, "t": 8}),
        ("moe_silu_and_mul", {"r": 40, "d": 2048}),
        ("quant_moe_down", {"m": 40, "k": 2048}),
        ("moe_down", {"m": 5, "n": 7168, "k": 2048, "e": 2, "t": 8}),
        ("moe_combine", {"m": 5, "d": 7168, "t": 8}),
        ("shared_silu_and_mul", {"r": 5, "d": 2048}),
        ("quant_shared_down", {"m": 5, "k": 2048}),
        ("rope", {"m": 5, "h": 128}),
    ],
)
def test_sizes_counted_of_a_routed_batch(op, sizes):
    (spec,) = [s for s in layer_ops(LayerCase(batch=5, recipe=RECIPES["fp8"])) if s.op == op]
    shape = counted(spec, ROUTED).shape
    assert {letter: size for letter, size in shape.items() if not isinstance(size, str)} == sizes


@pytest.mark.parametrize("layer", ["moe", "dense"])
@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_counting_keeps_every_op_a_valid_shape(layer, phase):
    case = LayerCase(phase, 3, 40, RECIPES["fp8"], layer, tp=4, ep=8)
    for spec in [*layer_ops(case), *variants_of(case)]:
        shape = counted(spec, expected_counts(case, 64)).shape
        assert evaluate(spec.formula, shape).dram_bytes > 0


def test_variants_of_each_case():
    def names(case):
        return [spec.op for spec in variants_of(case)]

    assert names(LayerCase()) == ["topk_softmax", "topk_sigmoid"]
    assert sorted(names(LayerCase("prefill"))) == ["merge_state", "topk_sigmoid", "topk_softmax"]
    assert names(LayerCase("prefill", layer="dense")) == ["merge_state"]
    assert names(LayerCase("prefill", prefix_len=64, layer="dense")) == []
    assert set(VARIANTS) == {*names(LayerCase()), *names(LayerCase("prefill"))}, "what --variants says that it adds"


def test_an_op_that_declares_nothing_has_no_weights():
    spec = OpSpec("rope", "rope", {"m": 5, "h": 128})
    weights = op_of(spec).weights(spec, ROUTED)
    assert (weights.read_bytes, weights.held_bytes) == (0, 0)
