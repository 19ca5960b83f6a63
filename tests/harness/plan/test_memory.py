"""Estimates of memory, and the refusals that follow."""

import pytest

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import RECIPES, LayerCase
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.plan.choose import plan_case
from roofprof.harness.plan.memory import estimate_bytes, require_memory

H100_L2 = 50 << 20


def estimate(machine, case, l2_bytes=H100_L2, steps=4):
    return estimate_bytes(plan_case(case, machine, {}), expected_counts(case, 256), l2_bytes, steps)


def test_an_80_gb_gpu_holds_batch_128_in_fp8(make_machine):
    size = estimate(make_machine((9, 0)), LayerCase("decode", 128, 4096, RECIPES["fp8"]))
    assert 14e9 < size < 30e9


def test_bf16_experts_are_counted_whole_at_batch_1(make_machine):
    size = estimate(make_machine((9, 0)), LayerCase("decode", 1, 4096, RECIPES["bf16"]))
    experts = 256 * 3 * 2048 * 7168 * 2
    assert experts < size < experts + 12e9


def test_what_does_not_fit_is_refused_with_remedies():
    with pytest.raises(RoofprofError, match=r"decode 128x4096 needs about 90\.0 GB and 80\.0 GB are free") as refusal:
        require_memory("decode 128x4096", LayerCase(), int(90e9), int(80e9))
    hint = refusal.value.hint or ""
    assert all(option in hint for option in ("--batch", "--tp", "--experts", "--ep"))
    require_memory("decode", LayerCase(), int(90e9), None)
    require_memory("decode", LayerCase(), int(80e9), int(80e9))


FLOOR = estimate_bytes([], expected_counts(LayerCase(), 256), 0, 1)
"""CUDA context and workspaces, which every estimate holds."""


def op_bytes(machine, case, op, wanted=None, l2_bytes=0, steps=1, experts=256):
    """Estimate of one op, beyond the floor."""
    plan = plan_case(case, machine, wanted or {}, f"^{op}$")
    assert plan[0].implementation is not None
    return estimate_bytes(plan, expected_counts(case, experts), l2_bytes, steps) - FLOOR


def test_a_projection_holds_as_many_copies_as_are_rotated(make_machine):
    case = LayerCase(batch=4, recipe=RECIPES["bf16"])
    x, w, y = 2 * 4 * 1536, 2 * 24576 * 1536, 2 * 4 * 24576
    assert op_bytes(make_machine((9, 0)), case, "q_b_proj") == x + w + y
    # 75.5 MB is more than the L2 cache; the 3.7 MB of the router are not: four steps, four copies
    assert op_bytes(make_machine((9, 0)), case, "q_b_proj", l2_bytes=H100_L2, steps=4) == x + w + y
    router = 2 * 4 * 7168 + 4 * 2 * 256 * 7168 + 2 * 4 * 256
    assert op_bytes(make_machine((9, 0)), case, "router_gemm", {"router_gemm": "torch_linear"}, H100_L2, 4) == router


def test_absorbed_products_hold_a_matrix_per_head(make_machine):
    held = op_bytes(make_machine((9, 0)), LayerCase(batch=2, recipe=RECIPES["bf16"], tp=4), "attn_w_vc")
    assert held == 2 * 32 * (2 * 512 + 512 * 128 + 2 * 128)


def test_experts_that_no_row_hits_are_held_all_the_same(make_machine):
    case = LayerCase(batch=1, recipe=RECIPES["bf16"])
    held = op_bytes(make_machine((9, 0)), case, "moe_down", experts=32)
    assert held == 2 * 8 * 2048 + 32 * 2 * 7168 * 2048 + 2 * 8 * 7168


def test_the_cache_is_held_in_whole_pages(make_machine):
    case = LayerCase(batch=3, seq_len=65, recipe=RECIPES["bf16"], tp=8)
    query, output, cache = 2 * 3 * 16 * 576, 2 * 3 * 16 * 512, 2 * 3 * 128 * 576
    assert op_bytes(make_machine((9, 0)), case, "attn_mqa") == query + output + cache
    by_sequence, scores = cache, 8 * 3 * 16 * 65
    wanted = {"attn_mqa": "torch"}
    assert op_bytes(make_machine((9, 0)), case, "attn_mqa", wanted) == query + output + cache + by_sequence + scores


def test_one_call_for_the_whole_moe_holds_its_weights_twice(make_machine):
    case = LayerCase(batch=1, recipe=RECIPES["nvfp4-v2"])
    wanted = {"moe_gate_up": "trtllm_fp4_block_scale_moe"}
    one = (2 * 2048 * 7168 + 7168 * 2048) * 0.5625
    held = op_bytes(make_machine((10, 0)), case, "moe_gate_up", wanted, experts=16)
    assert held == 2 * 2 * 7168 + 8 * 8 + 2 * 16 * one


def test_an_op_that_does_not_run_holds_nothing(make_machine):
    machine = make_machine(None)
    plan = plan_case(LayerCase(recipe=RECIPES["fp8"]), machine, {}, "^o_proj$")
    assert plan[0].not_run
    assert estimate_bytes(plan, expected_counts(LayerCase(), 256), H100_L2, 4) == FLOOR
