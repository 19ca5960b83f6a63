"""Which implementations are chosen, and the range names that come of it; no torch, no GPU."""

import itertools

import pytest

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import RECIPES, LayerCase
from roofprof.formulas.models import evaluate
from roofprof.formulas.range_names import parse_range_name
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.plan.catalogue import CATALOGUE
from roofprof.harness.plan.choose import plan_case, recipe_for, require_runnable

HOPPER, BLACKWELL = (9, 0), (10, 0)


def chosen(plan):
    return {p.spec.op: p.implementation.name for p in plan if p.implementation and not p.not_run}


@pytest.mark.parametrize(
    ("capability", "recipe"),
    [(None, "bf16"), ((8, 0), "bf16"), (HOPPER, "fp8"), (BLACKWELL, "nvfp4-v2"), ((12, 0), "bf16")],
)
def test_auto_is_what_the_gpu_can_run(make_machine, capability, recipe):
    assert recipe_for("auto", make_machine(capability)).name == recipe


def test_hopper_fp8_decode_uses_what_is_compiled_ahead(make_machine):
    machine = make_machine(HOPPER, ("flashinfer", "sgl_kernel:sgl_per_tensor", "sgl_kernel:scaled_fp4"))
    plan = plan_case(LayerCase(recipe=RECIPES["fp8"]), machine, {})
    require_runnable(plan, machine)
    names = chosen(plan)
    assert not any(p.implementation.jit for p in plan if p.implementation)
    assert names["fused_qkv_a_proj"] == names["q_b_proj"] == names["o_proj"] == "fp8_blockwise_scaled_mm"
    assert names["attn_mqa"] == "flash_mla_with_kvcache"
    assert names["moe_gate_up"] == names["moe_down"] == "fp8_blockwise_scaled_grouped_mm"
    assert names["quant_q_nope_w_kc"] == "triton_quant_tensor"
    assert names["kv_write"] == "triton_kv_write"
    assert names["moe_combine"] == "apply_shuffle_mul_sum"
    assert names["router_gemm"] == "torch_linear"


@pytest.mark.parametrize(("batch", "expected"), [(16, "dsv3_fused_a_gemm"), (17, "torch_linear")])
def test_small_batches_take_the_kernels_made_for_them(make_machine, batch, expected):
    plan = plan_case(LayerCase(batch=batch, recipe=RECIPES["bf16"]), make_machine(HOPPER), {})
    assert chosen(plan)["fused_qkv_a_proj"] == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), "fa3_varlen"),
        (("sgl_kernel.flash_attn",), "flashinfer_ragged_fa3"),
        (("sgl_kernel.flash_attn", "flashinfer"), "torch_sdpa"),
    ],
)
def test_prefill_attention_falls_back(make_machine, missing, expected):
    plan = plan_case(LayerCase("prefill", 1, 1024, RECIPES["fp8"]), make_machine(HOPPER, missing), {})
    assert chosen(plan)["attn_mha"] == expected


def test_kernels_of_the_reference_document_on_blackwell(make_machine):
    machine = make_machine(BLACKWELL)
    names = chosen(plan_case(LayerCase(batch=16, recipe=RECIPES["nvfp4-v2"]), machine, {}))
    assert names["o_proj"] == names["shared_gate_up"] == "cutlass_scaled_fp4_mm"
    assert names["fused_qkv_a_proj"] == "dsv3_fused_a_gemm"
    assert names["attn_mqa"] == "cutlass_mla_decode"
    assert names["moe_gate_up"] == "cutlass_fp4_group_mm"
    assert chosen(plan_case(LayerCase(recipe=RECIPES["nvfp4"]), machine, {}))["q_nope_w_kc"] == "bmm_fp8"


def test_flashinfer_alone_runs_the_whole_moe_in_one_call(make_machine):
    plan = plan_case(LayerCase(recipe=RECIPES["nvfp4-v2"]), make_machine(BLACKWELL, ("sgl_kernel:", "sglang")), {})
    by_op = {p.spec.op: p for p in plan}
    assert chosen(plan)["moe_gate_up"] == "trtllm_fp4_block_scale_moe"
    assert chosen(plan)["quant_moe_gate_up"] == "flashinfer_fp4_quantize"
    assert chosen(plan)["o_proj"] == "flashinfer_mm_fp4"
    assert by_op["moe_down"].not_run == by_op["topk"].not_run == "fused into moe_gate_up"
    name = by_op["moe_gate_up"].range_name(expected_counts(LayerCase(), 256))
    assert name == "moe_fused:moe_fused:m64:i2048:d7168:e256:t8:fp4"


def test_everything_for_blackwell_says_untested(make_machine):
    assert all(i.untested for i in CATALOGUE if "fp4" in i.precisions)
    assert {i.name for i in CATALOGUE if i.untested} >= {"cutlass_mla_decode", "flashinfer_trtllm_mla"}


@pytest.mark.parametrize("capability", [None, (8, 0), HOPPER, (9, 9)])
@pytest.mark.parametrize("recipe", ["nvfp4", "nvfp4-v2"])
def test_no_fp4_below_compute_capability_10(make_machine, capability, recipe):
    machine = make_machine(capability)
    for phase, layer in itertools.product(("decode", "prefill"), ("moe", "dense")):
        plan = plan_case(LayerCase(phase, recipe=RECIPES[recipe], layer=layer), machine, {})
        fp4 = [p for p in plan if p.spec.shape.get("precision") == "fp4"]
        assert fp4
        assert all(p.choice.possible == () for p in fp4)
        with pytest.raises(RoofprofError, match="fp4"):
            require_runnable(plan, machine)


def test_a_wanted_fp4_kernel_is_refused_on_hopper(make_machine):
    with pytest.raises(RoofprofError, match=r"FP4 needs compute capability 10\.0 or more, this is 9\.0"):
        plan_case(LayerCase(recipe=RECIPES["fp8"]), make_machine(HOPPER), {"o_proj": "cutlass_scaled_fp4_mm"})


def test_a_wanted_precision_changes_the_op_and_its_quantisation(make_machine):
    machine = make_machine(HOPPER)
    plan = plan_case(LayerCase(recipe=RECIPES["fp8"]), machine, {"fused_qkv_a_proj": "torch_linear"})
    ops = {p.spec.op: p for p in plan}
    assert ops["fused_qkv_a_proj"].spec.shape["precision"] == "bf16"
    assert "quant_fused_qkv_a_proj" not in ops
    assert ops["shared_gate_up"].spec.shape["precision"] == "fp8"
    grouped = {"moe_gate_up": "torch_grouped_mm", "moe_down": "torch_grouped_mm"}
    ops = {p.spec.op: p for p in plan_case(LayerCase(recipe=RECIPES["fp8"]), machine, grouped)}
    assert {ops[op].spec.shape["precision"] for op in ("moe_gate_up", "moe_down", "moe_permute")} == {"bf16"}
    assert ops["shared_down"].spec.shape["precision"] == "fp8"
    assert "quant_moe_down" not in ops


def test_a_kernel_that_quantises_inside_leaves_out_the_quantisation(make_machine):
    wanted = {"q_b_proj": "flashinfer_fp8_blockscale_gemm_sm90"}
    ops = {p.spec.op: p for p in plan_case(LayerCase(recipe=RECIPES["fp8"]), make_machine(HOPPER), wanted)}
    assert ops["quant_q_b_proj"].not_run == "fused into q_b_proj"
    assert ops["quant_o_proj"].not_run is None


def test_other_work_has_another_formula(make_machine):
    case, wanted = (
        LayerCase(recipe=RECIPES["fp8"]),
        {"moe_align": "moe_align_block_size", "moe_combine": "moe_sum_reduce"},
    )
    counts = expected_counts(case, 256)
    ops = {p.spec.op: p for p in plan_case(case, make_machine(HOPPER), wanted)}
    assert ops["moe_align"].range_name(counts) == "moe_align:moe_align:m64:u256:x256:t8:g64"
    assert ops["moe_combine"].range_name(counts) == "moe_combine:moe_sum:m64:d7168:t8"
    assert ops["router_gemm"].range_name(counts).endswith(":bf16:bf16")


@pytest.mark.parametrize("layer", ["moe", "dense"])
@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("recipe", [*RECIPES])
@pytest.mark.parametrize(
    ("capability", "tp", "ep"), [(HOPPER, 1, 1), (BLACKWELL, 1, 1), (BLACKWELL, 4, 8), (None, 8, 1)]
)
def test_range_names_parse_and_evaluate(make_machine, layer, phase, recipe, capability, tp, ep):
    case = LayerCase(phase, 5, 100, RECIPES[recipe], layer, tp, ep)
    counts = expected_counts(case, 256)
    for planned in plan_case(case, make_machine(capability), {}, variants=True):
        if planned.is_collective:
            assert planned.not_run == "it needs several GPUs"
            continue
        for implementation in (planned.implementation, *planned.choice.possible):
            spec = planned.actual_spec(counts, implementation)
            assert evaluate(spec.formula, spec.shape).dram_bytes > 0
        name = parse_range_name(planned.range_name(counts))
        assert name.formula is not None
        assert evaluate(name.formula, name.shape).dram_bytes > 0


@pytest.mark.parametrize(
    ("wanted", "only", "message"),
    [
        ({"q_c_proj": "torch"}, None, "unknown op in --impl for this case: q_c_proj"),
        ({"rope": "nothing"}, None, "unknown implementation 'nothing'"),
        ({"moe_gate_up": "torch_grouped_mm", "moe_down": "fp8_blockwise_scaled_grouped_mm"}, None, "cannot differ"),
        ({}, "xyz", "matches no op"),
        ({}, "(", "invalid regular expression in --only"),
    ],
)
def test_wrong_wishes(make_machine, wanted, only, message):
    with pytest.raises(UsageError, match=message):
        plan_case(LayerCase(recipe=RECIPES["fp8"]), make_machine(HOPPER), wanted, only)


def test_without_torch_nothing_is_possible(make_machine):
    machine = make_machine(None, ("torch:Tensor",))
    assert all(p.choice.possible == () for p in plan_case(LayerCase(recipe=RECIPES["bf16"]), machine, {}))


def test_implementation_names_are_unique_for_each_op(make_machine):
    for phase, recipe in itertools.product(("decode", "prefill"), RECIPES.values()):
        for planned in plan_case(LayerCase(phase, recipe=recipe), make_machine(HOPPER), {}, variants=True):
            names = [i.name for i in CATALOGUE if i.serves(planned.spec)]
            assert len(names) == len(set(names))
