"""The ops of one DeepSeek-R1 decoder layer in launch order, with their formulas and shapes.

Order: SGLang's deepseek_v2.py (docs/formulas.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from roofprof.errors import UsageError
from roofprof.formulas.dimensions import (
    DENSE_INTER,
    EXPERTS,
    HEADS,
    HIDDEN,
    KV_LORA,
    MOE_INTER,
    NOPE,
    Q_LORA,
    QKV_A,
    ROPE,
    TOP_K,
    V_HEAD,
    VOCAB,
)  # fmt: skip
from roofprof.formulas.layer_case import (
    ALL_REDUCES,
    DISPATCHES,
    PHASES,
    RECIPES,
    LayerCase,
    Phase,
    Recipe,
    expected_experts_hit,
)
from roofprof.formulas.models import Work, evaluate
from roofprof.formulas.range_names import Shape

__all__ = [
    "ALL_REDUCES",
    "DENSE_INTER",
    "DISPATCHES",
    "EXPERTS",
    "HEADS",
    "HIDDEN",
    "KV_LORA",
    "MOE_INTER",
    "NOPE",
    "PHASES",
    "QKV_A",
    "Q_LORA",
    "RECIPES",
    "ROPE",
    "STEP_OPS",
    "TOP_K",
    "VOCAB",
    "V_HEAD",
    "LayerCase",
    "OpSpec",
    "Phase",
    "Recipe",
    "expected_experts_hit",
    "layer_ops",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One op of the layer: its canonical name, formula and shape."""

    op: str
    formula: str
    shape: Shape
    per: Literal["layer", "step"] = "layer"
    """`step` for lm_head, which runs once per step for all layers."""

    @property
    def work(self) -> Work:
        """FLOPs and compulsory bytes by formula."""
        return evaluate(self.formula, self.shape)


def layer_ops(case: LayerCase) -> list[OpSpec]:
    """The ops of the case in launch order, quantisation ops where the recipe needs them, lm_head last."""
    case.check()
    attention = _attention_decode(case) if case.phase == "decode" else _attention_prefill(case)
    mlp = _moe(case) if case.layer == "moe" else _mlp(case, "dense", DENSE_INTER)
    ops = [*attention, *_all_reduce(case, "all_reduce_attn"), _norm(case, "post_attention_layernorm"), *mlp]
    ops += _all_reduce(case, "all_reduce_mlp")
    head = OpSpec("lm_head", "gemm", _sizes(m=case.batch, n=VOCAB // case.tp, k=HIDDEN, precision="bf16"), "step")
    return [*ops, head]


def _sizes(**sizes: int | float | str) -> Shape:
    return sizes


def _norm(case: LayerCase, op: str) -> OpSpec:
    return OpSpec(op, "add_rmsnorm", _sizes(m=case.tokens, d=HIDDEN))


def _gemm(case: LayerCase, op: str, n: int, k: int, m: int | None = None) -> Iterator[OpSpec]:
    """A projection, behind the quantisation of its input where the recipe asks for one."""
    rows, precision = m or case.tokens, case.recipe.of(op)
    if precision != "bf16":
        yield OpSpec(f"quant_{op}", "quant", _sizes(m=rows, k=k, precision=precision))
    yield OpSpec(op, "gemm", _sizes(m=rows, n=n, k=k, precision=precision, output="bf16"))


def _bmm(case: LayerCase, op: str, n: int, k: int) -> Iterator[OpSpec]:
    heads, precision = HEADS // case.tp, case.recipe.of(op)
    if precision != "bf16":
        yield OpSpec(f"quant_{op}", "quant_tensor", _sizes(m=heads * case.tokens, k=k, precision=precision))
    yield OpSpec(op, "bmm", _sizes(h=heads, m=case.tokens, n=n, k=k, precision=precision, output="bf16"))


def _projections_in(case: LayerCase) -> Iterator[OpSpec]:
    m, heads = case.tokens, HEADS // case.tp
    yield _norm(case, "input_layernorm")
    yield from _gemm(case, "fused_qkv_a_proj", QKV_A, HIDDEN)
    yield OpSpec("q_a_layernorm", "rmsnorm", _sizes(m=m, d=Q_LORA))
    yield OpSpec("kv_a_layernorm", "rmsnorm", _sizes(m=m, d=KV_LORA))
    yield from _gemm(case, "q_b_proj", heads * (NOPE + ROPE), Q_LORA)


def _attention_decode(case: LayerCase) -> Iterator[OpSpec]:
    m, heads = case.tokens, HEADS // case.tp
    yield from _projections_in(case)
    yield from _bmm(case, "q_nope_w_kc", KV_LORA, NOPE)
    yield OpSpec("rope", "rope", _sizes(m=m, h=heads))
    yield OpSpec("kv_write", "kv_write", _sizes(m=m))
    yield OpSpec("attn_mqa", "mla_decode", _sizes(b=m, s=case.seq_len, h=heads, precision="bf16"))
    yield from _bmm(case, "attn_w_vc", V_HEAD, KV_LORA)
    yield from _gemm(case, "o_proj", HIDDEN, heads * V_HEAD)


def _attention_prefill(case: LayerCase) -> Iterator[OpSpec]:
    m, heads = case.tokens, HEADS // case.tp
    keys = case.batch * (case.seq_len + case.prefix_len)
    yield from _projections_in(case)
    yield OpSpec("rope", "rope", _sizes(m=m, h=heads))
    yield OpSpec("kv_write", "kv_write", _sizes(m=m))
    yield from _gemm(case, "kv_b_proj", heads * (NOPE + V_HEAD), KV_LORA, m=keys)
    yield OpSpec("concat_mla_k", "concat_mla_k", _sizes(m=keys, h=heads))
    attention = _sizes(b=case.batch, s=case.seq_len, h=heads, p=case.prefix_len, precision="bf16")
    yield OpSpec("attn_mha", "mha_causal", attention)
    if case.prefix_len:
        yield OpSpec("merge_state", "merge_state", _sizes(m=m, h=heads))
    yield from _gemm(case, "o_proj", HIDDEN, heads * V_HEAD)


def _mlp(case: LayerCase, kind: str, inter: int) -> Iterator[OpSpec]:
    if inter % case.tp:
        raise UsageError(f"--tp {case.tp} does not divide the MLP's width {inter}")
    yield from _gemm(case, f"{kind}_gate_up", 2 * inter // case.tp, HIDDEN)
    yield OpSpec(f"{kind}_silu_and_mul", "silu_and_mul", _sizes(r=case.tokens, d=inter // case.tp))
    yield from _gemm(case, f"{kind}_down", HIDDEN, inter // case.tp)


def _whole(size: float) -> float:
    """A whole number as an integer, which a range name can hold."""
    return int(size) if size == int(size) else size


def _moe(case: LayerCase) -> Iterator[OpSpec]:
    m, hit, own, ep = case.tokens, case.hit, case.own_tokens, case.ep > 1
    precision, inter = case.recipe.experts, case.expert_inter
    # Every row that arrives through the exchange is a token of its own to what follows.
    rows = _whole(TOP_K * own)
    here, per_token = (rows, 1) if ep else (m, TOP_K)
    yield OpSpec("router_gemm", "gemm", _sizes(m=m, n=EXPERTS, k=HIDDEN, precision="bf16", output="fp32"))
    yield OpSpec("topk", "topk", _sizes(m=m, x=EXPERTS, t=TOP_K))
    yield from _mlp(case, "shared", MOE_INTER)
    quantised = [OpSpec("quant_moe_gate_up", "quant", _sizes(m=own, k=HIDDEN, precision=precision))]
    quantised = quantised if precision != "bf16" else []
    if ep:  # what is sent is quantised already
        yield from quantised
        yield _exchange(case, "ep_dispatch", precision)
    yield OpSpec("moe_align", "moe_prepare", _sizes(m=here, x=case.local_experts, t=per_token))
    if not ep:
        yield from quantised
    yield OpSpec("moe_permute", "moe_permute", _sizes(m=here, r=rows, k=HIDDEN, precision=precision))
    grouped = _sizes(m=here, n=2 * inter, k=HIDDEN, e=hit, t=per_token, precision=precision, output="bf16")
    yield OpSpec("moe_gate_up", "moe_gemm", grouped)
    yield OpSpec("moe_silu_and_mul", "silu_and_mul", _sizes(r=rows, d=inter))
    if precision != "bf16":
        yield OpSpec("quant_moe_down", "quant", _sizes(m=rows, k=inter, precision=precision))
    yield OpSpec("moe_down", "moe_gemm", {**grouped, "n": HIDDEN, "k": inter})
    if ep:
        yield _exchange(case, "ep_combine", "bf16")
    yield OpSpec("moe_combine", "combine", _sizes(m=own, d=HIDDEN, t=TOP_K))
    # With EP a GPU adds its tokens' rows to its part of the shared expert's; the group's all-reduce sums both.
    yield OpSpec("moe_add_shared", "add", _sizes(m=own, d=HIDDEN))


def _exchange(case: LayerCase, op: str, precision: str) -> OpSpec:
    sizes = _sizes(m=case.own_tokens, d=HIDDEN, t=TOP_K, w=case.ep, precision=precision)
    return OpSpec(op, DISPATCHES[case.dispatch], sizes)


def _all_reduce(case: LayerCase, op: str) -> list[OpSpec]:
    if case.tp == 1:
        return []
    return [OpSpec(op, ALL_REDUCES[case.all_reduce], _sizes(m=case.tokens, d=HIDDEN, t=case.tp))]


STEP_OPS = frozenset(spec.op for spec in layer_ops(LayerCase()) if spec.per == "step")
"""Ops that run once per step for all layers: in no sum of a layer."""
