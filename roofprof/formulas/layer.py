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
from roofprof.formulas.models import Work, evaluate
from roofprof.formulas.range_names import Shape

__all__ = [
    "DENSE_INTER", "EXPERTS", "HEADS", "HIDDEN", "KV_LORA", "MOE_INTER", "NOPE", "PHASES", "QKV_A", "Q_LORA", "RECIPES",
    "ROPE", "STEP_OPS", "TOP_K", "VOCAB", "V_HEAD", "LayerCase", "OpSpec", "Phase", "Recipe", "expected_experts_hit",
    "layer_ops",
]  # fmt: skip

Phase = Literal["decode", "prefill"]
PHASES: tuple[Phase, ...] = ("decode", "prefill")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Precision of weights and inputs by group; router, norms, rope, lm_head and KV cache are always bf16."""

    name: str
    attention_in: str
    """fused_qkv_a_proj, q_b_proj, kv_b_proj."""
    o_proj: str
    experts: str
    """Routed and shared experts, and the dense MLP."""
    bmm: str
    """The absorbed products q_nope_w_kc and attn_w_vc."""
    note: str

    def of(self, op: str) -> str:
        """Precision of an op's inputs."""
        if op in ("fused_qkv_a_proj", "q_b_proj", "kv_b_proj"):
            return self.attention_in
        if op in ("q_nope_w_kc", "attn_w_vc"):
            return self.bmm
        if op == "o_proj":
            return self.o_proj
        return self.experts if op.endswith(("gate_up", "down")) else "bf16"


RECIPES = {
    r.name: r
    for r in (
        Recipe("nvfp4", "fp4", "fp4", "fp4", "fp8", "the reference document's table"),
        Recipe("nvfp4-v2", "bf16", "fp4", "fp4", "bf16", "the published NVFP4-v2 checkpoint"),
        Recipe("fp8", "fp8", "fp8", "fp8", "fp8", "DeepSeek's own release, 128x128 blocks"),
        Recipe("bf16", "bf16", "bf16", "bf16", "bf16", "all bf16"),
    )
}


def expected_experts_hit(tokens: int, local: int, total: int = EXPERTS, per_token: int = TOP_K) -> float:
    """Experts of one GPU that get at least one row: local (1 - (1 - per_token / total)^(tokens total / local)).

    Exact in expectation for uniform routing. Each of total / local GPUs sends the rows of `tokens` tokens.
    """
    missed: float = (1 - per_token / total) ** (tokens * (total / local))
    return local * (1 - missed)


@dataclass(frozen=True, slots=True)
class LayerCase:
    """Which layer on which share of the machine. Sizes are this GPU's.

    TP and EP are taken as independent axes: TP splits heads and every MLP's width, EP the experts.
    """

    phase: Phase = "decode"
    batch: int = 64
    """Sequences: decode adds one token to each, prefill `seq_len` new ones."""
    seq_len: int = 4096
    """Decode: KV length. Prefill: new tokens per sequence."""
    recipe: Recipe = RECIPES["nvfp4-v2"]
    layer: Literal["moe", "dense"] = "moe"
    tp: int = 1
    ep: int = 1
    prefix_len: int = 0
    """Prefill: cached tokens before the new ones."""
    experts_hit: int | None = None
    """Experts with at least one row, counted; None takes the expectation under uniform routing."""

    @property
    def tokens(self) -> int:
        """Tokens in the step, M."""
        return self.batch if self.phase == "decode" else self.batch * self.seq_len

    @property
    def local_experts(self) -> int:
        """Experts held by this GPU."""
        return EXPERTS // self.ep

    @property
    def hit(self) -> float:
        """Experts hit: counted, or as `expected_experts_hit` has it."""
        return expected_experts_hit(self.tokens, self.local_experts) if self.experts_hit is None else self.experts_hit

    def check(self) -> None:
        """Refuse sizes that the layer cannot be cut into.

        Raises:
            UsageError: a size is out of range or does not divide what it splits.
        """
        for name, value in (("batch", self.batch), ("sequence length", self.seq_len)):
            if not 1 <= value <= 1 << 22:
                raise UsageError(f"{name} {value} is out of range", "use a size from 1 to 4194304")
        if self.prefix_len < 0 or (self.prefix_len and self.phase == "decode"):
            raise UsageError(f"prefix length {self.prefix_len} is out of range", "it is prefill's, 0 or more")
        if self.tp < 1 or HEADS % self.tp:
            raise UsageError(f"--tp {self.tp} does not divide {HEADS} heads", "use 1, 2, 4, ... 128")
        if self.ep < 1 or EXPERTS % self.ep:
            raise UsageError(f"--ep {self.ep} does not divide {EXPERTS} experts", "use 1, 2, 4, ... 256")
        if self.experts_hit is not None and not 1 <= self.experts_hit <= self.local_experts:
            raise UsageError(
                f"--experts-hit {self.experts_hit} is out of range",
                f"use 1 to {self.local_experts}, the experts here",
            )


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


def _moe(case: LayerCase) -> Iterator[OpSpec]:
    m, hit, rows = case.tokens, case.hit, TOP_K * case.tokens
    precision = case.recipe.experts
    yield OpSpec("router_gemm", "gemm", _sizes(m=m, n=EXPERTS, k=HIDDEN, precision="bf16", output="fp32"))
    yield OpSpec("topk", "topk", _sizes(m=m, x=EXPERTS, t=TOP_K))
    yield from _mlp(case, "shared", MOE_INTER)
    if case.ep > 1:
        yield OpSpec("ep_dispatch", "all_to_all", _sizes(m=m, d=HIDDEN, t=TOP_K, w=case.ep, precision=precision))
    yield OpSpec("moe_align", "moe_prepare", _sizes(m=m, x=case.local_experts, t=TOP_K))
    if precision != "bf16":
        yield OpSpec("quant_moe_gate_up", "quant", _sizes(m=m, k=HIDDEN, precision=precision))
    yield OpSpec("moe_permute", "moe_permute", _sizes(m=m, r=rows, k=HIDDEN, precision=precision))
    yield OpSpec("moe_gate_up", "moe_gemm", _grouped(case, 2 * MOE_INTER // case.tp, HIDDEN, hit))
    yield OpSpec("moe_silu_and_mul", "silu_and_mul", _sizes(r=rows, d=MOE_INTER // case.tp))
    if precision != "bf16":
        yield OpSpec("quant_moe_down", "quant", _sizes(m=rows, k=MOE_INTER // case.tp, precision=precision))
    yield OpSpec("moe_down", "moe_gemm", _grouped(case, HIDDEN, MOE_INTER // case.tp, hit))
    if case.ep > 1:
        yield OpSpec("ep_combine", "all_to_all", _sizes(m=m, d=HIDDEN, t=TOP_K, w=case.ep, precision="bf16"))
    yield OpSpec("moe_combine", "combine", _sizes(m=m, d=HIDDEN, t=TOP_K))
    yield OpSpec("moe_add_shared", "add", _sizes(m=m, d=HIDDEN))


def _grouped(case: LayerCase, n: int, k: int, hit: float) -> Shape:
    return _sizes(m=case.tokens, n=n, k=k, e=hit, t=TOP_K, precision=case.recipe.experts, output="bf16")


def _all_reduce(case: LayerCase, op: str) -> list[OpSpec]:
    if case.tp == 1:
        return []
    return [OpSpec(op, "all_reduce", _sizes(m=case.tokens, d=HIDDEN, t=case.tp))]


STEP_OPS = frozenset(spec.op for spec in layer_ops(LayerCase()) if spec.per == "step")
"""Ops that run once per step for all layers: in no sum of a layer."""
