"""The layer's ops: names, order, shapes under TP and EP."""

import pytest

from roofprof.errors import UsageError
from roofprof.formulas.layer import RECIPES, LayerCase, layer_ops
from roofprof.formulas.range_names import format_range_name, parse_range_name

DECODE_MOE = [
    "input_layernorm",
    "fused_qkv_a_proj",
    "q_a_layernorm",
    "kv_a_layernorm",
    "q_b_proj",
    "q_nope_w_kc",
    "rope",
    "kv_write",
    "attn_mqa",
    "attn_w_vc",
    "o_proj",
    "post_attention_layernorm",
    "router_gemm",
    "topk",
    "shared_gate_up",
    "shared_silu_and_mul",
    "shared_down",
    "moe_align",
    "moe_permute",
    "moe_gate_up",
    "moe_silu_and_mul",
    "moe_down",
    "moe_combine",
    "moe_add_shared",
    "lm_head",
]
PREFILL_DENSE = [
    "input_layernorm",
    "fused_qkv_a_proj",
    "q_a_layernorm",
    "kv_a_layernorm",
    "q_b_proj",
    "rope",
    "kv_write",
    "kv_b_proj",
    "concat_mla_k",
    "attn_mha",
    "o_proj",
    "post_attention_layernorm",
    "dense_gate_up",
    "dense_silu_and_mul",
    "dense_down",
    "lm_head",
]


def names(case: LayerCase) -> list[str]:
    return [op.op for op in layer_ops(case)]


def test_launch_order_in_bf16() -> None:
    assert names(LayerCase(recipe=RECIPES["bf16"])) == DECODE_MOE
    assert names(LayerCase("prefill", 1, 1024, RECIPES["bf16"], "dense")) == PREFILL_DENSE


def test_each_recipe_quantises_what_it_lowers() -> None:
    quantised = {
        recipe: [n.removeprefix("quant_") for n in names(LayerCase(recipe=RECIPES[recipe])) if n.startswith("quant_")]
        for recipe in RECIPES
    }
    mlp = ["shared_gate_up", "shared_down", "moe_gate_up", "moe_down"]
    attention = ["fused_qkv_a_proj", "q_b_proj", "q_nope_w_kc", "attn_w_vc", "o_proj"]
    assert quantised == {
        "bf16": [],
        "nvfp4-v2": ["o_proj", *mlp],
        "nvfp4": [*attention, *mlp],
        "fp8": [*attention, *mlp],
    }


def test_precisions_of_the_reference_documents_recipe() -> None:
    shapes = {op.op: op.shape for op in layer_ops(LayerCase(recipe=RECIPES["nvfp4"]))}
    assert shapes["q_b_proj"]["precision"] == "fp4"
    assert shapes["q_nope_w_kc"]["precision"] == "fp8"
    assert shapes["attn_mqa"]["precision"] == shapes["router_gemm"]["precision"] == "bf16"


@pytest.mark.parametrize(
    ("batch", "hit"), [(1, 8), (4, 30.5), (16, 102.0), (32, 163.3), (64, 222.4), (128, 251.6), (256, 255.9)]
)
def test_experts_hit_under_uniform_routing(batch: int, hit: float) -> None:
    assert LayerCase(batch=batch).hit == pytest.approx(hit, abs=0.05)


def test_counted_experts_replace_the_expectation() -> None:
    case = LayerCase(experts_hit=126)
    gate_up = next(op for op in layer_ops(case) if op.op == "moe_gate_up")
    assert gate_up.shape["e"] == 126


def test_tensor_parallel_splits_heads_and_widths() -> None:
    shapes = {op.op: op.shape for op in layer_ops(LayerCase(tp=8))}
    assert shapes["attn_mqa"]["h"] == 16
    assert shapes["q_b_proj"]["n"] == 24576 // 8
    assert shapes["o_proj"]["k"] == 16384 // 8
    assert shapes["shared_gate_up"]["n"] == 4096 // 8
    assert shapes["moe_down"]["k"] == 2048 // 8
    assert shapes["lm_head"]["n"] == 129280 // 8
    assert shapes["fused_qkv_a_proj"]["n"] == 2112
    assert {"all_reduce_attn", "all_reduce_mlp"} <= shapes.keys()


def test_expert_parallel_holds_fewer_experts_and_exchanges_rows() -> None:
    case = LayerCase(batch=64, ep=8)
    assert case.local_experts == 32
    assert case.hit == pytest.approx(32 * (1 - (31 / 32) ** 512))
    assert {"ep_dispatch", "ep_combine"} <= set(names(case))
    gate_up = next(op for op in layer_ops(case) if op.op == "moe_gate_up")
    assert gate_up.work.flop_count == 2 * 512 * 4096 * 7168  # 8M rows are expected here all the same


def test_expert_and_tensor_parallel_leave_experts_whole() -> None:
    """Worked out by hand for --tp 8 --ep 8: one group of 8 GPUs, 64 tokens, 8 of them sent by each."""
    case = LayerCase(batch=64, tp=8, ep=8)
    shapes = {op.op: op.shape for op in layer_ops(case)}
    assert (case.ranks, case.groups, case.own_tokens, case.local_experts) == (8, 1, 8, 32)
    assert case.hit == pytest.approx(32 * (1 - (31 / 32) ** 64))  # 27.81: the 64 tokens of one group
    assert (shapes["moe_gate_up"]["n"], shapes["moe_down"]["k"]) == (4096, 2048)
    assert shapes["moe_gate_up"]["m"] * shapes["moe_gate_up"]["t"] == 64  # 8 M / t rows  # type: ignore[operator]
    assert (shapes["shared_gate_up"]["n"], shapes["attn_mqa"]["h"], shapes["o_proj"]["k"]) == (512, 16, 2048)
    assert shapes["ep_dispatch"]["m"] == shapes["moe_combine"]["m"] == shapes["moe_add_shared"]["m"] == 8
    assert shapes["all_reduce_mlp"] == {"m": 64, "d": 7168, "t": 8}


def test_four_groups_of_eight_share_the_experts() -> None:
    """--tp 8 --ep 32 at batch 128: 4 groups, 8 experts here, 16 tokens sent, 128 rows here, 512 tokens routed."""
    case = LayerCase(batch=128, tp=8, ep=32)
    shapes = {op.op: op.shape for op in layer_ops(case)}
    assert (case.ranks, case.groups, case.own_tokens, case.local_experts) == (32, 4, 16, 8)
    assert case.hit == pytest.approx(8 * (1 - (31 / 32) ** 512), rel=1e-12)
    assert (shapes["moe_permute"]["m"], shapes["moe_permute"]["r"]) == (128, 128)
    gate_up = next(op for op in layer_ops(case) if op.op == "moe_gate_up")
    assert gate_up.work.flop_count == 2 * 128 * 4096 * 7168


def test_what_is_sent_is_quantised_first() -> None:
    order = names(LayerCase(tp=2, ep=4))
    assert order.index("quant_moe_gate_up") + 1 == order.index("ep_dispatch") == order.index("moe_align") - 1
    assert order.index("ep_combine") + 1 == order.index("moe_combine")


def test_tokens_that_do_not_divide_are_a_mean() -> None:
    case = LayerCase(batch=6, tp=4, ep=8)
    shapes = {op.op: op.shape for op in layer_ops(case)}
    assert (shapes["moe_combine"]["m"], shapes["moe_permute"]["r"]) == (1.5, 12)


@pytest.mark.parametrize(
    ("all_reduce", "sent"), [("ring", 2 * 7 / 8), ("tree", 2 * 7 / 8), ("nvls", 9 / 8), ("one-shot", 7)]
)
def test_link_bytes_of_an_all_reduce(all_reduce: str, sent: float) -> None:
    case = LayerCase(batch=64, tp=8, all_reduce=all_reduce)
    found = {op.op: op.work.link_bytes for op in layer_ops(case)}
    assert found["all_reduce_attn"] == found["all_reduce_mlp"] == sent * 2 * 64 * 7168


def test_a_deduplicated_dispatch_sends_fewer_rows() -> None:
    rows, tokens = (
        next(op for op in layer_ops(LayerCase(batch=64, ep=8, dispatch=name)) if op.op == "ep_dispatch").work
        for name in ("rows", "dedup")
    )
    assert rows.link_bytes == pytest.approx(64 * 7 * 7168 * 0.5625)
    assert tokens.link_bytes == pytest.approx(64 * 3.18 * 7168 * 0.5625, rel=2e-3)  # 4 of 8 groups: 3.18 of 7


def test_a_cached_prefix_adds_keys_and_a_merge() -> None:
    shapes = {op.op: op.shape for op in layer_ops(LayerCase("prefill", 1, 1024, prefix_len=512))}
    assert shapes["kv_b_proj"]["m"] == 1536
    assert "merge_state" in shapes


@pytest.mark.parametrize(
    "case",
    [
        LayerCase(batch=0),
        LayerCase(batch=1 << 30),
        LayerCase(seq_len=0),
        LayerCase(tp=3),
        LayerCase(ep=7),
        LayerCase(tp=8, ep=4),
        LayerCase(all_reduce="star"),
        LayerCase(dispatch="none"),
        LayerCase(experts_hit=257),
        LayerCase(prefix_len=5),
    ],
)
def test_sizes_out_of_range_are_refused(case: LayerCase) -> None:
    with pytest.raises(UsageError):
        layer_ops(case)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("layer", ["moe", "dense"])
def test_every_op_has_a_range_name_that_parses_back(recipe: str, phase: str, layer: str) -> None:
    case = LayerCase(phase, 2, 64, RECIPES[recipe], layer, tp=2, ep=2, experts_hit=3)  # type: ignore[arg-type]
    for op in layer_ops(case):
        parsed = parse_range_name(format_range_name(op.op, op.formula, op.shape))
        assert (parsed.op, parsed.formula) == (op.op, op.formula)
        assert parsed.shape == op.shape
        assert op.work.dram_bytes > 0
