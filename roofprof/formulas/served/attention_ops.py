"""The ops of a served layer's attention: grouped heads of keys and values, or multi-head latent attention."""

from collections.abc import Iterator

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.model import Gqa, Mla
from roofprof.formulas.served.projections import add_norm, product


def gqa_ops(case: ServedCase) -> Iterator[OpSpec]:
    """From the norm before to the projection behind; one op for decode and for prefill, attn_gqa."""
    a, m, hidden = case.model.attention, case.tokens, case.model.hidden
    assert isinstance(a, Gqa)
    heads: Shape = {"h": case.heads, "hk": case.kv_heads}
    yield add_norm(case, "input_layernorm")
    width = (case.heads + 2 * case.kv_heads) * a.head_dim
    yield from product(case, "qkv_proj", width, hidden, case.recipe.attention_in)
    if a.qk_norm:
        yield OpSpec("qk_norm", "qk_norm", {"m": m, **heads, "d": a.head_dim})
    yield OpSpec("rope", "rope_heads", {"m": m, **heads, "d": a.rotary_dim})
    yield OpSpec(
        "kv_write", "kv_write_heads", {"m": m, "hk": case.kv_heads, "d": a.head_dim, "precision": case.kv_cache}
    )
    yield _gqa(case, {"b": case.batch, "s": case.seq_len, **heads, "d": a.head_dim})
    yield from product(case, "o_proj", hidden, case.heads * a.head_dim, case.recipe.o_proj)


def _gqa(case: ServedCase, shape: Shape) -> OpSpec:
    decode = case.phase == "decode"
    if decode and case.queries > 1:
        shape["q"] = case.queries
    if not decode and case.prefix_len:
        shape["p"] = case.prefix_len
    if case.kind.span == "sliding" and case.model.window:
        shape["win"] = case.model.window
    if case.kv_cache == "fp8":
        shape["kb"] = 8
    return OpSpec("attn_gqa", "gqa_decode" if decode else "gqa_causal", {**shape, "precision": "bf16"})


def mla_ops(case: ServedCase) -> Iterator[OpSpec]:
    """Absorbed in decode, over whole heads in prefill, as DeepSeek-R1's layer."""
    a = case.model.attention
    assert isinstance(a, Mla)
    yield from _mla_in(case, a)
    yield from _mla_decode(case, a) if case.phase == "decode" else _mla_prefill(case, a)
    yield from product(case, "o_proj", case.model.hidden, case.heads * a.v_head, case.recipe.o_proj)


def _mla_in(case: ServedCase, a: Mla) -> Iterator[OpSpec]:
    m, hidden, form = case.tokens, case.model.hidden, case.recipe.attention_in
    queries = case.heads * (a.nope + a.rope)
    yield add_norm(case, "input_layernorm")
    if a.q_lora is None:
        yield from product(case, "q_proj", queries, hidden, form)
        yield from product(case, "kv_a_proj", a.kv_lora + a.rope, hidden, form)
        yield OpSpec("kv_a_layernorm", "rmsnorm", {"m": m, "d": a.kv_lora})
        return
    yield from product(case, "fused_qkv_a_proj", a.q_lora + a.kv_lora + a.rope, hidden, form)
    yield OpSpec("q_a_layernorm", "rmsnorm", {"m": m, "d": a.q_lora})
    yield OpSpec("kv_a_layernorm", "rmsnorm", {"m": m, "d": a.kv_lora})
    yield from product(case, "q_b_proj", queries, a.q_lora, form)


def _mla_decode(case: ServedCase, a: Mla) -> Iterator[OpSpec]:
    yield from _bmm(case, "q_nope_w_kc", a.kv_lora, a.nope)
    yield from _rope_and_write(case)
    shape: Shape = {"b": case.batch, "s": case.seq_len, "h": case.heads}
    if case.kv_cache == "fp8":
        yield OpSpec("attn_mqa", "mla_decode_fp8kv", {**shape, "q": case.queries})
    elif case.queries > 1:
        yield OpSpec("attn_mqa", "mla_decode_mtp", {**shape, "q": case.queries, "precision": "bf16"})
    else:
        yield OpSpec("attn_mqa", "mla_decode", {**shape, "precision": "bf16"})
    yield from _bmm(case, "attn_w_vc", a.v_head, a.kv_lora)


def _mla_prefill(case: ServedCase, a: Mla) -> Iterator[OpSpec]:
    keys = case.batch * (case.seq_len + case.prefix_len)
    yield from _rope_and_write(case)
    yield from product(case, "kv_b_proj", case.heads * (a.nope + a.v_head), a.kv_lora, case.recipe.attention_in, keys)
    yield OpSpec("concat_mla_k", "concat_mla_k", {"m": keys, "h": case.heads})
    shape: Shape = {"b": case.batch, "s": case.seq_len, "h": case.heads, "p": case.prefix_len, "precision": "bf16"}
    yield OpSpec("attn_mha", "mha_causal", shape)
    if case.prefix_len:
        yield OpSpec("merge_state", "merge_state", {"m": case.tokens, "h": case.heads})


def _rope_and_write(case: ServedCase) -> Iterator[OpSpec]:
    yield OpSpec("rope", "rope", {"m": case.tokens, "h": case.heads})
    yield OpSpec("kv_write", "kv_write" if case.kv_cache == "bf16" else "kv_write_fp8kv", {"m": case.tokens})


def _bmm(case: ServedCase, op: str, n: int, k: int) -> Iterator[OpSpec]:
    m, precision = case.tokens, case.recipe.bmm
    if precision != "bf16":
        yield OpSpec(f"quant_{op}", "quant_tensor", {"m": case.heads * m, "k": k, "precision": precision})
    sizes: Shape = {"h": case.heads, "m": m, "n": n, "k": k}
    yield OpSpec(op, "bmm", {**sizes, "precision": precision, "output": "bf16"})
