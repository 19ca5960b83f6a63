"""The ops of one layer of a served model in launch order, with their formulas and shapes.

Names and order are those of DeepSeek-R1's layer (`roofprof.formulas.layer`), of which this gives the same ops; beside
them qkv_proj, q_proj, kv_a_proj, qk_norm and attn_gqa. Order: SGLang's and vLLM's models of the families.
"""

from collections.abc import Iterator

from roofprof.errors import UsageError
from roofprof.formulas.layer import ALL_REDUCES, DISPATCHES, OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.formulas.served.attention_ops import gqa_ops, mla_ops
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.model import Gqa
from roofprof.formulas.served.projections import add_norm, in_format, product, quantised


def served_ops(case: ServedCase) -> list[OpSpec]:
    """The ops of the case in launch order, quantisation ops where the recipe needs them, lm_head last."""
    case.check()
    attention = gqa_ops(case) if isinstance(case.model.attention, Gqa) else mla_ops(case)
    mlp = _moe(case) if case.kind.mlp == "moe" else _mlp(case, "dense", case.model.dense_inter)
    ops = [*attention, *_all_reduce(case, "all_reduce_attn"), add_norm(case, "post_attention_layernorm"), *mlp]
    rows = case.batch * (case.queries if case.phase == "decode" else 1)
    head: Shape = {"m": rows, "n": -(-case.model.vocab // case.tp), "k": case.model.hidden, "precision": "bf16"}
    return [*ops, *_all_reduce(case, "all_reduce_mlp"), OpSpec("lm_head", "gemm", head, "step")]


def _part(case: ServedCase, inter: int) -> int:
    if inter % case.tp:
        raise UsageError(f"--tp {case.tp} does not divide the MLP's width {inter}")
    return inter // case.tp


def _mlp(case: ServedCase, kind: str, inter: int) -> Iterator[OpSpec]:
    width, hidden = _part(case, inter), case.model.hidden
    yield from product(case, f"{kind}_gate_up", 2 * width, hidden, case.recipe.mlp)
    yield OpSpec(f"{kind}_silu_and_mul", "silu_and_mul", {"r": case.tokens, "d": width})
    yield from product(case, f"{kind}_down", hidden, width, case.recipe.mlp)


def _moe(case: ServedCase) -> Iterator[OpSpec]:
    moe, hidden, m, own = case.moe, case.model.hidden, case.tokens, case.own_tokens
    yield OpSpec("router_gemm", "gemm", {"m": m, "n": moe.experts, "k": hidden, "precision": "bf16", "output": "fp32"})
    formula = "topk" if moe.biased else "topk_ungrouped"
    yield OpSpec("topk", formula, {"m": m, "x": moe.experts, "t": moe.per_token})
    if moe.shared_inter:
        yield from _mlp(case, "shared", moe.shared_inter)
    yield from _routed(case)
    yield OpSpec("moe_combine", "combine", {"m": own, "d": hidden, "t": moe.per_token})
    if moe.shared_inter:
        yield OpSpec("moe_add_shared", "add", {"m": own, "d": hidden})


def _routed(case: ServedCase) -> Iterator[OpSpec]:
    """From the dispatch to the combine: every row that arrives through an exchange is a token of its own."""
    moe, hidden, form, ep = case.moe, case.model.hidden, case.recipe.experts, case.ep > 1
    inter = moe.inter if ep else _part(case, moe.inter)
    rows = moe.per_token * case.own_tokens
    rows = int(rows) if rows == int(rows) else rows
    here, per_token = (rows, 1) if ep else (case.tokens, moe.per_token)
    quant = list(quantised("moe_gate_up", case.own_tokens, hidden, form))
    if ep:  # what is sent is quantised already
        yield from quant
        yield _exchange(case, "ep_dispatch", form.inputs)
    yield OpSpec("moe_align", "moe_prepare", {"m": here, "x": case.local_experts, "t": per_token})
    if not ep:
        yield from quant
    yield OpSpec("moe_permute", "moe_permute", {"m": here, "r": rows, "k": hidden, "precision": form.inputs})
    yield _grouped(case, "moe_gate_up", here, per_token, 2 * inter, hidden)
    yield OpSpec("moe_silu_and_mul", "silu_and_mul", {"r": rows, "d": inter})
    yield from quantised("moe_down", rows, inter, form)
    yield _grouped(case, "moe_down", here, per_token, hidden, inter)
    if ep:
        yield _exchange(case, "ep_combine", "bf16")


def _grouped(case: ServedCase, op: str, m: float, per_token: int, n: int, k: int) -> OpSpec:
    shape: Shape = {"m": m, "n": n, "k": k, "e": case.hit, "t": per_token}
    return in_format(op, ("moe_gemm", "moe_gemm_w4"), shape, case.recipe.experts)


def _exchange(case: ServedCase, op: str, precision: str) -> OpSpec:
    sizes: Shape = {"m": case.own_tokens, "d": case.model.hidden, "t": case.moe.per_token, "w": case.ep}
    if case.dispatch == "dedup":
        sizes |= {"x": case.moe.experts, "g": case.moe.groups, "q": case.moe.groups_kept}
    return OpSpec(op, DISPATCHES[case.dispatch], {**sizes, "precision": precision})


def _all_reduce(case: ServedCase, op: str) -> list[OpSpec]:
    if case.tp == 1:
        return []
    return [OpSpec(op, ALL_REDUCES[case.all_reduce], {"m": case.tokens, "d": case.model.hidden, "t": case.tp})]
