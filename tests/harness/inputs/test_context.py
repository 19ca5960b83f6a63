"""Inputs of a case: buffers that differ by step, and numbers that the random seed alone decides."""

from typing import Literal

import pytest

torch = pytest.importorskip("torch")

from roofprof.formulas.layer import RECIPES, LayerCase  # noqa: E402
from roofprof.harness.inputs.context import Context, InputOptions  # noqa: E402
from roofprof.harness.plan.choose import plan_case  # noqa: E402

L2_BYTES = 1 << 20


def context(layer: Literal["moe", "dense"] = "moe", **options):
    return Context(LayerCase(batch=4, tp=8, layer=layer), InputOptions("cpu", experts=16, **options))


def test_no_buffer_is_read_again_before_the_others_have_filled_the_cache():
    ctx = context(l2_bytes=L2_BYTES, steps=100)
    weights = ctx.rotated(lambda: ctx.normal(256, 256), 2 * 256 * 256)
    read = [weights.at(step).data_ptr() for step in range(100)]
    assert len(set(read)) == 25  # 3 x 1 MiB in copies of 128 KiB, and one more
    for step, buffer in enumerate(read[:-1]):
        between = read[step + 1 :][: read[step + 1 :].index(buffer)] if buffer in read[step + 1 :] else []
        assert not between or len(set(between)) * 2 * 256 * 256 > 2 * L2_BYTES


def test_copies_differ_in_content():
    ctx = context(l2_bytes=L2_BYTES, steps=2)
    weights = ctx.rotated(lambda: ctx.normal(64, 64), 2 * 64 * 64)
    assert weights.first is weights.at(0)
    assert not torch.equal(weights.at(0), weights.at(1))


def test_one_copy_where_rotation_is_off():
    ctx = context(l2_bytes=0, steps=100)
    assert len(ctx.rotated(lambda: ctx.normal(2), 4).copies) == 1


def test_inputs_do_not_depend_on_what_was_made_before(make_machine):
    def result(ctx, ops):
        plan = {
            p.spec.op: p for p in plan_case(LayerCase(batch=4, tp=8, recipe=RECIPES["bf16"]), make_machine(None), {})
        }
        outputs = {}
        for op in ops:
            implementation = plan[op].implementation
            assert implementation is not None
            outputs[op] = plan[op].make_call(ctx, implementation).run(0)
        return outputs["moe_combine"]

    alone = result(context(), ["moe_combine"])
    after = result(context(), ["router_gemm", "topk", "moe_combine"])
    assert torch.equal(alone, after)
    assert not torch.equal(alone, result(context(seed=1), ["moe_combine"]))


def test_a_dense_layer_draws_no_routing():
    ctx = context("dense")
    assert ctx.counts.rows_per_expert == ()
    assert ctx._routing is None
