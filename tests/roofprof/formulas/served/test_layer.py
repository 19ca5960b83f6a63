"""The layer of a served model: R1's as it was, sums that parameters demand, refusals."""

from dataclasses import replace
from itertools import product

import pytest

from roofprof.errors import UsageError
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, layer_ops
from roofprof.formulas.served.bundled import bundled_models, load_model
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.layer import served_ops
from roofprof.formulas.served.model import Gqa, LayerKind
from roofprof.formulas.served.parameters import parameters
from roofprof.formulas.served.recipes import served_recipe

PRODUCTS = ("gemm", "gemm_w4", "bmm", "moe_gemm", "moe_gemm_w4")


def case(name: str, layer: str | None = None, recipe: str = "bf16", **sizes: object) -> ServedCase:
    model = load_model(name)
    kind = next((k for k in model.kinds if str(k) == layer), model.main_kind)
    return ServedCase(model, kind, served_recipe(recipe), **sizes)  # type: ignore[arg-type]


def op(ops: list[OpSpec], name: str) -> OpSpec:
    (found,) = [spec for spec in ops if spec.op == name]
    return found


@pytest.mark.parametrize(("recipe", "layer", "tp"), list(product(RECIPES, ("moe", "dense"), (1, 8))))
@pytest.mark.parametrize(
    ("phase", "sizes"), [("decode", {}), ("prefill", {"batch": 2, "seq_len": 100, "prefix_len": 30})]
)
def test_r1_is_the_layer_that_it_was(phase: str, sizes: dict, recipe: str, layer: str, tp: int) -> None:
    own = layer_ops(LayerCase(phase=phase, recipe=RECIPES[recipe], layer=layer, tp=tp, **sizes))  # type: ignore[arg-type]
    assert served_ops(case("deepseek-r1", layer, recipe, phase=phase, tp=tp, **sizes)) == own


@pytest.mark.parametrize("name", bundled_models())
def test_products_of_a_token_are_twice_its_active_parameters(name: str) -> None:
    """One token, all layers and lm_head: 2 FLOPs a parameter of a matrix; what is none are norms, biases, sinks."""
    model = load_model(name)
    flop_count, ops = 0.0, list[OpSpec]()
    for kind, count in model.kinds.items():
        ops = served_ops(ServedCase(model, kind, served_recipe("bf16"), batch=1, seq_len=512))
        flop_count += count * sum(s.work.flop_count for s in ops if s.formula in PRODUCTS and s.per == "layer")
    flop_count += op(ops, "lm_head").work.flop_count
    assert flop_count <= 2 * parameters(model).active
    assert flop_count == pytest.approx(2 * parameters(model).active, rel=0.001)


@pytest.mark.parametrize("name", bundled_models())
def test_weights_read_at_a_large_batch_are_all_that_the_layers_have(name: str) -> None:
    """With every expert hit, bf16 weights are 2 bytes a parameter of the layers' matrices."""
    model = load_model(name)
    read = 0.0
    for kind, count in model.kinds.items():
        ops = served_ops(ServedCase(model, kind, served_recipe("bf16"), batch=1 << 16, seq_len=1))
        layer = [s for s in ops if s.formula in PRODUCTS and s.per == "layer"]
        read += count * sum(size for s in layer for name, size in s.work.reads.items() if name.startswith("weight"))
    counts = parameters(model)
    matrices = counts.total - counts.embedding - (0 if model.tied else counts.lm_head)
    assert read == pytest.approx(2 * matrices, rel=0.001)


@pytest.mark.parametrize(("tp", "ep"), [(1, 8), (8, 8), (4, 32), (1, 256)])
@pytest.mark.parametrize(("all_reduce", "dispatch"), [("ring", "rows"), ("nvls", "dedup")])
def test_r1_over_several_gpus_is_the_layer_that_it_was(tp: int, ep: int, all_reduce: str, dispatch: str) -> None:
    words = {"all_reduce": all_reduce, "dispatch": dispatch}
    own = layer_ops(LayerCase(tp=tp, ep=ep, batch=30, recipe=RECIPES["fp8"], **words))  # type: ignore[arg-type]
    served = served_ops(case("deepseek-r1", "moe", "fp8", tp=tp, ep=ep, batch=30, **words))
    assert [spec.op for spec in served] == [spec.op for spec in own]
    for a, b in zip(served, own, strict=True):
        assert (a.work.flop_count, a.work.dram_bytes, a.work.link_bytes) == pytest.approx(
            (b.work.flop_count, b.work.dram_bytes, b.work.link_bytes), rel=1e-12
        )


def test_sliding_layers_read_their_window() -> None:
    full, sliding = (op(served_ops(case("gpt-oss-120b", kind)), "attn_gqa") for kind in ("moe", "moe-sliding"))
    assert full.work.reads["keys and values"] == 32 * sliding.work.reads["keys and values"]
    short = op(served_ops(case("gpt-oss-120b", "moe-sliding", seq_len=100)), "attn_gqa")
    assert short.work.reads["keys and values"] == 64 * 100 * 2 * 8 * 64 * 2
    causal = op(served_ops(case("gpt-oss-120b", "moe-sliding", phase="prefill", batch=1)), "attn_gqa")
    assert causal.work.flop_count == 4 * 64 * 64 * (127 * 128 / 2 + (4096 - 127) * 128)


def test_gpt_oss_as_released_has_experts_of_mxfp4_alone() -> None:
    ops = served_ops(case("gpt-oss-20b", recipe="mxfp4", experts_hit=32))
    weights = op(ops, "moe_gate_up").work.reads["weights of the experts hit"]
    assert weights == 32 * 5760 * 2880 * 0.53125
    assert op(ops, "qkv_proj").shape["precision"] == "bf16"
    assert not [spec for spec in ops if spec.op.startswith("quant")]
    assert op(served_ops(case("gpt-oss-20b", recipe="mxfp4-mxfp8")), "quant_moe_gate_up").shape["precision"] == "mxfp8"


def test_weights_of_4_bits_take_their_group_from_the_recipe() -> None:
    weights = [op(served_ops(case("qwen3-8b", recipe=r)), "qkv_proj").work for r in ("w4a16", "w4a16-g32")]
    assert [w.reads["weight with scales"] / (6144 * 4096) for w in weights] == [0.5 + 2 / 128, 0.5 + 2 / 32]
    assert {w.pipe for w in weights} == {"tensor_bf16"}


def test_drafted_tokens_are_rows_of_everything_but_the_cache() -> None:
    one, three = (served_ops(case("deepseek-r1", batch=4, queries=q)) for q in (1, 3))
    assert op(three, "o_proj").shape["m"] == op(three, "lm_head").shape["m"] == 12
    before, after = op(one, "attn_mqa").work, op(three, "attn_mqa").work
    assert before.reads["latent cache"] == after.reads["latent cache"]
    assert after.flop_count == pytest.approx(3 * before.flop_count, rel=0.001)


def test_an_fp8_cache_of_mla_is_656_bytes_an_entry() -> None:
    ops = served_ops(case("kimi-k2", batch=2, kv_cache="fp8"))
    assert op(ops, "attn_mqa").work.reads["latent cache"] == 2 * 4096 * 656
    assert op(ops, "kv_write").work.writes == {"cache entries": 2 * 656}
    gqa = served_ops(case("qwen3-8b", batch=2, kv_cache="fp8"))
    assert op(gqa, "attn_gqa").work.reads["keys and values"] == 2 * 4096 * 2 * 8 * 128


@pytest.mark.parametrize("tp", [1, 2, 4, 8, 16])
def test_tp_cuts_every_product_and_copies_heads_of_keys_that_are_too_few(tp: int) -> None:
    whole, part = case("qwen3-235b-a22b"), case("qwen3-235b-a22b", tp=tp)
    n = op(served_ops(part), "qkv_proj").shape["n"]
    assert n == (64 // tp + 2 * max(1, 4 // tp)) * 128
    flops = [op(served_ops(c), "moe_down").work.flop_count for c in (whole, part)]
    assert flops[0] == tp * flops[1]


def test_ep_keeps_experts_whole_and_shares_rows() -> None:
    ops = served_ops(case("qwen3-30b-a3b", ep=8, tp=2, batch=64))
    gate_up = op(ops, "moe_gate_up").shape
    assert (gate_up["n"], gate_up["m"], gate_up["t"]) == (2 * 768, 8 * 32, 1)
    assert gate_up["e"] == pytest.approx(16 * (1 - (1 - 8 / 128) ** (64 * 4)))
    assert op(ops, "ep_dispatch").work.link_bytes == 7 / 8 * 8 * 32 * 2048 * 2


@pytest.mark.parametrize(
    ("name", "sizes", "why"),
    [
        ("qwen3-8b", {"tp": 3}, "--tp 3 does not divide 32 heads"),
        ("qwen3-8b", {"ep": 2}, "--ep 2: qwen3-8b has no experts"),
        ("mixtral-8x7b", {"ep": 4, "tp": 8}, "--ep 4 is no multiple of --tp 8"),
        ("mixtral-8x7b", {"experts_hit": 9}, "--experts-hit 9 is out of range"),
        ("qwen3-8b", {"seq_len": 2, "queries": 3}, "--queries 3 is more than the KV length"),
        ("qwen3-8b", {"kv_cache": "fp4"}, "unknown --kv-cache 'fp4'"),
        ("glm-4.5-air", {"tp": 64}, "--tp 64 does not divide 96 heads"),
    ],
)
def test_what_cannot_be_cut_is_refused(name: str, sizes: dict, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        served_ops(case(name, **sizes))


def test_a_kind_that_the_model_has_not_is_refused() -> None:
    with pytest.raises(UsageError, match="qwen3-8b has no moe layer"):
        served_ops(replace(case("qwen3-8b"), kind=LayerKind("moe")))


def test_mha_is_as_many_heads_of_keys() -> None:
    model = load_model("llama-3.1-8b")
    assert isinstance(model.attention, Gqa)
    mha = replace(model, attention=replace(model.attention, kv_heads=32))
    ops = served_ops(ServedCase(mha, mha.main_kind, served_recipe("bf16"), batch=1))
    assert op(ops, "attn_gqa").work.reads["keys and values"] == 4096 * 2 * 4096 * 2
