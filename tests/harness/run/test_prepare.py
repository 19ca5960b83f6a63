"""Warm-up of a case's ops, before anything is profiled."""

import types

import pytest

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import LayerCase, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context, InputOptions
from roofprof.harness.inputs.op import Implementation, Needs
from roofprof.harness.plan.choice import Choice
from roofprof.harness.plan.choose import PlannedOp
from roofprof.harness.run.prepare import prepare_ops

SPEC = OpSpec("dense_scale", "add", {"m": 3, "d": 7168})


@pytest.fixture
def ctx(monkeypatch):
    made = Context(LayerCase(batch=3, layer="dense"), InputOptions("cpu"))
    monkeypatch.setattr(made, "seed_for", lambda name: None)
    return made


def planned(make_machine, run, fused_into=None):
    implementation = Implementation("toy", ("add",), lambda ctx, spec: Call(run, tuple), Needs(gpu=False))
    return PlannedOp(SPEC, Choice(implementation, SPEC, (implementation,), make_machine(None)), fused_into)


def test_every_op_is_warmed_up_twice_with_the_first_copy(ctx, make_machine):
    steps, reported = [], []
    ops = [planned(make_machine, steps.append), planned(make_machine, steps.append, fused_into="o_proj")]
    ready = prepare_ops(ctx, ops, lambda *words: reported.append(words))
    assert steps == [0, 0]
    assert reported == [("prepare", "dense_scale", 0, 1)]
    assert [op.range_name for op in ready] == ["dense_scale:add:m3:d7168"]


def test_a_kernel_that_fails_is_named_with_its_implementation(ctx, make_machine):
    def fail(step):
        raise RuntimeError("CUDA error:\n  misaligned address")

    with pytest.raises(RoofprofError, match="dense_scale failed as toy: CUDA error: misaligned address") as error:
        prepare_ops(ctx, [planned(make_machine, fail)], lambda *words: None)
    assert "--impl dense_scale=NAME" in (error.value.hint or "")


def test_an_error_of_roofprof_keeps_its_hint(ctx, make_machine):
    def fail(step):
        raise RoofprofError("set up for one GPU", "use --ep 1")

    with pytest.raises(RoofprofError) as error:
        prepare_ops(ctx, [planned(make_machine, fail)], lambda *words: None)
    assert (error.value.message, error.value.hint) == ("set up for one GPU", "use --ep 1")


def test_only_a_gpu_is_waited_for(ctx, make_machine, monkeypatch):
    import sys

    waits = []
    cuda = types.SimpleNamespace(synchronize=lambda: waits.append(1))
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    prepare_ops(ctx, [planned(make_machine, lambda step: None)], lambda *words: None)
    assert not waits
    ctx.device = "cuda"
    prepare_ops(ctx, [planned(make_machine, lambda step: None)], lambda *words: None)
    assert waits
