"""Prefill attention: k put together, causal attention over ragged sequences, merging of two results."""

from functools import partial

from roofprof.formulas.layer import HEADS, KV_LORA, NOPE, Q_LORA, QKV_A, ROPE, V_HEAD, LayerCase, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor
from roofprof.harness.ops.mla_decode import SCALE

_CHECKED_SEQUENCES = 2
_SCORES_AT_ONCE = 1 << 28


def _concat_call(ctx: Context, spec: OpSpec, concat: Kernel) -> Call:
    """`concat(k [m, h, 192], k_nope [m, h, 128], k_pe [m, 1, 64])` on the model's views."""
    import torch

    m, h = size(spec, "m"), size(spec, "h")
    nope = ctx.normal(m, h, NOPE + V_HEAD)[..., :NOPE]
    pe = ctx.normal(m, QKV_A)[:, Q_LORA + KV_LORA :].unsqueeze(1)
    k = ctx.empty(m, h, NOPE + ROPE)
    return Call(
        lambda step: concat(k, nope, pe),
        lambda: (torch.cat([nope, pe.expand(-1, h, -1)], -1).float(),),
        1e-6,
        results=lambda _: (k,),
    )


def _sgl_concat(ctx: Context, spec: OpSpec) -> Call:
    concat = find("sgl_kernel:concat_mla_k")
    return _concat_call(ctx, spec, lambda k, nope, pe: concat(k, nope, pe))


def _flashinfer_concat(ctx: Context, spec: OpSpec) -> Call:
    concat = find("flashinfer.concat_ops:concat_mla_k")
    return _concat_call(ctx, spec, lambda k, nope, pe: concat(k, nope, pe))


def _torch_concat(ctx: Context, spec: OpSpec) -> Call:
    def concat(k: Tensor, nope: Tensor, pe: Tensor) -> None:
        k[..., :NOPE] = nope
        k[..., NOPE:] = pe

    return _concat_call(ctx, spec, concat)


def _attention_call(ctx: Context, make: Kernel) -> Call:
    """`make(q, k [T, h, 192], v [T, h, 128])` gives what computes [T, h, 128]; checked on two sequences."""
    total, seq_len = ctx.tokens, ctx.case.seq_len
    q, k = (ctx.normal(total, ctx.heads, NOPE + ROPE) for _ in range(2))
    v = ctx.normal(total, ctx.heads, V_HEAD)
    attend = make(q, k, v)
    checked = min(ctx.case.batch, _CHECKED_SEQUENCES) * seq_len

    def reference() -> tuple[Tensor, ...]:
        import torch

        parts = [x[:checked].view(-1, seq_len, ctx.heads, x.shape[-1]) for x in (q, k, v)]
        outputs = [_causal(*sequence) for sequence in zip(*parts, strict=True)]
        return (torch.cat(outputs),)

    return Call(
        lambda step: attend(),
        reference,
        2e-2,
        results=lambda output: (output.reshape(total, ctx.heads, V_HEAD)[:checked],),
    )


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One sequence [s, h, .] in fp32, some heads at a time."""
    import torch

    length = q.shape[0]
    step = max(1, min(q.shape[1], _SCORES_AT_ONCE // length**2))
    future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    outputs = []
    for head in range(0, q.shape[1], step):
        part = slice(head, head + step)
        scores = torch.einsum("qhd,khd->hqk", q[:, part].float(), k[:, part].float()) * SCALE
        weights = scores.masked_fill_(future, float("-inf")).softmax(-1)
        outputs.append(torch.einsum("hqk,khd->qhd", weights, v[:, part].float()))
    return torch.cat(outputs, 1)


def _ends(ctx: Context) -> Tensor:
    """[batch + 1] int32: where each sequence begins."""
    import torch

    return torch.arange(ctx.case.batch + 1, device=ctx.device, dtype=torch.int32) * ctx.case.seq_len


def _fa3(ctx: Context, spec: OpSpec) -> Call:
    attend, ends, longest = find("sgl_kernel.flash_attn:flash_attn_varlen_func"), _ends(ctx), ctx.case.seq_len

    def make(q: Tensor, k: Tensor, v: Tensor) -> Kernel:
        return lambda: attend(
            q, k, v, ends, ends, max_seqlen_q=longest, max_seqlen_k=longest, softmax_scale=SCALE, causal=True
        )

    return _attention_call(ctx, make)


def _flashinfer_ragged(ctx: Context, spec: OpSpec, backend: str) -> Call:
    import torch

    wrapper_type, ends = find("flashinfer:BatchPrefillWithRaggedKVCacheWrapper"), _ends(ctx)
    wrapper = wrapper_type(ctx.empty(256 << 20, dtype=torch.uint8), "NHD", backend=backend)
    wrapper.plan(
        ends, ends, ctx.heads, ctx.heads, NOPE + ROPE, V_HEAD, causal=True, sm_scale=SCALE,
        q_data_type=torch.bfloat16, kv_data_type=torch.bfloat16,
    )  # fmt: skip
    return _attention_call(ctx, lambda q, k, v: lambda: wrapper.run(q, k, v))


def _trtllm_ragged(ctx: Context, spec: OpSpec) -> Call:
    import torch

    attend, ends, longest = (
        find("flashinfer.prefill:trtllm_ragged_attention_deepseek"),
        _ends(ctx),
        ctx.case.seq_len,
    )
    workspace = torch.zeros(256 << 20, device=ctx.device, dtype=torch.uint8)
    lengths = torch.full((ctx.case.batch,), longest, device=ctx.device, dtype=torch.int32)

    def make(q: Tensor, k: Tensor, v: Tensor) -> Kernel:
        return lambda: attend(
            query=q, key=k, value=v, workspace_buffer=workspace, seq_lens=lengths, max_q_len=longest,
            max_kv_len=longest, bmm1_scale=SCALE, bmm2_scale=1.0, o_sf_scale=1.0, batch_size=ctx.case.batch,
            window_left=-1, cum_seq_lens_q=ends, cum_seq_lens_kv=ends, enable_pdl=False, is_causal=True,
            return_lse=False,
        )  # fmt: skip

    return _attention_call(ctx, make)


def _torch_sdpa(ctx: Context, spec: OpSpec) -> Call:
    sdpa, batch, seq_len = (
        find("torch.nn.functional:scaled_dot_product_attention"),
        ctx.case.batch,
        ctx.case.seq_len,
    )

    def make(*tensors: Tensor) -> Kernel:
        q, k, v = (x.view(batch, seq_len, ctx.heads, -1).transpose(1, 2) for x in tensors)
        return lambda: sdpa(q, k, v, is_causal=True, scale=SCALE).transpose(1, 2)

    return _attention_call(ctx, make)


def _merge_call(ctx: Context, spec: OpSpec, merge: Kernel, to_lse: float = 1.0) -> Call:
    """`merge(v_a, s_a, v_b, s_b)` of [m, h, 128] and log-sum-exp [m, h]; to_lse turns its logarithm to natural."""
    import torch

    m, h = size(spec, "m"), size(spec, "h")
    v_a, v_b = ctx.normal(m, h, V_HEAD), ctx.normal(m, h, V_HEAD)
    s_a, s_b = (torch.randn(m, h, device=ctx.device) for _ in range(2))

    def reference() -> tuple[Tensor, ...]:
        a, b = s_a * to_lse, s_b * to_lse
        total = torch.logaddexp(a, b)
        merged = v_a.float() * (a - total).exp()[..., None] + v_b.float() * (b - total).exp()[..., None]
        return merged, total / to_lse

    return Call(lambda step: merge(v_a, s_a, v_b, s_b), reference, results=tuple)


def _sgl_merge(ctx: Context, spec: OpSpec) -> Call:
    merge = find("sgl_kernel:merge_state_v2")
    return _merge_call(ctx, spec, lambda v_a, s_a, v_b, s_b: merge(v_a, s_a, v_b, s_b))


def _flashinfer_merge(ctx: Context, spec: OpSpec) -> Call:
    merge = find("flashinfer:merge_state")
    natural_from_log2 = 0.6931471805599453
    return _merge_call(ctx, spec, lambda v_a, s_a, v_b, s_b: merge(v_a, s_a, v_b, s_b), natural_from_log2)


def _torch_merge(ctx: Context, spec: OpSpec) -> Call:
    import torch

    def merge(v_a: Tensor, s_a: Tensor, v_b: Tensor, s_b: Tensor) -> Output:
        total = torch.logaddexp(s_a, s_b)
        a, b = (s_a - total).exp()[..., None], (s_b - total).exp()[..., None]
        return (v_a * a + v_b * b).bfloat16(), total

    return _merge_call(ctx, spec, merge)


def _split_prefix(case: LayerCase) -> list[OpSpec]:
    """The layer merges only where there is a prefix; without one the op can still be measured."""
    if case.phase != "prefill" or case.prefix_len:
        return []
    return [OpSpec("merge_state", "merge_state", {"m": case.tokens, "h": HEADS // case.tp})]


def _transposed_bytes(spec: OpSpec, copies: int) -> float:
    """SDPA's own contiguous q, k, v and output, by the formula's bytes."""
    return 2 * spec.work.dram_bytes


def _all_heads(spec: OpSpec) -> str | None:
    heads = size(spec, "h")
    return None if heads == HEADS else f"it takes exactly {HEADS} heads, not {heads}"


_HOPPER, _BLACKWELL = (9, 0), (10, 0)
_RAGGED = "flashinfer:BatchPrefillWithRaggedKVCacheWrapper"
_attention = partial(Implementation, formulas=("mha_causal",), precisions=frozenset({"bf16"}))

OPS = (Op("merge_state", variants=_split_prefix),)

IMPLEMENTATIONS = (
    Implementation(
        "sgl_concat_mla_k", ("concat_mla_k",), _sgl_concat,
        Needs(names=("sgl_kernel:concat_mla_k",), fits=_all_heads),
    ),
    Implementation(
        "flashinfer_concat_mla_k", ("concat_mla_k",), _flashinfer_concat,
        Needs(names=("flashinfer.concat_ops:concat_mla_k",), fits=_all_heads), jit=True,
    ),
    Implementation("torch", ("concat_mla_k",), _torch_concat, Needs(gpu=False)),
    _attention(
        "fa3_varlen", make=_fa3,
        needs=Needs(capability=_HOPPER, below=_BLACKWELL, names=("sgl_kernel.flash_attn:flash_attn_varlen_func",)),
    ),
    _attention(
        "flashinfer_trtllm_ragged", make=_trtllm_ragged, jit=True,
        needs=Needs(
            capability=_BLACKWELL, below=(12, 0), names=("flashinfer.prefill:trtllm_ragged_attention_deepseek",),
        ),
    ),
    _attention(
        "flashinfer_ragged_fa3", make=partial(_flashinfer_ragged, backend="fa3"), jit=True,
        needs=Needs(capability=_HOPPER, below=_BLACKWELL, names=(_RAGGED,)),
    ),
    _attention(
        "torch_sdpa", make=_torch_sdpa, extra_bytes=_transposed_bytes,
        needs=Needs(gpu=False, names=("torch.nn.functional:scaled_dot_product_attention",)),
    ),
    Implementation("merge_state_v2", ("merge_state",), _sgl_merge, Needs(names=("sgl_kernel:merge_state_v2",))),
    Implementation(
        "flashinfer_merge_state", ("merge_state",), _flashinfer_merge, Needs(names=("flashinfer:merge_state",)),
        jit=True, note="log2 of the sum of exponentials",
    ),
    Implementation("torch", ("merge_state",), _torch_merge, Needs(gpu=False)),
)  # fmt: skip
