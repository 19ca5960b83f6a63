"""Absorbed MLA attention of decode: 128 query heads over one latent head, from the paged cache."""

from dataclasses import dataclass
from functools import partial

from roofprof.formulas.layer import KV_LORA, NOPE, ROPE, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op, Weights
from roofprof.harness.inputs.rotation import Rotated
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor
from roofprof.harness.ops.kv_cache import PAGE

SCALE: float = (NOPE + ROPE) ** -0.5  # YaRN's mscale is left out: it changes numbers and no work
_LATENT = KV_LORA + ROPE


@dataclass(frozen=True, slots=True)
class _Inputs:
    """B sequences of S cached entries each."""

    query: Tensor
    """[B, h, 576]."""
    caches: Rotated[Tensor]
    """[pages, 64, 1, 576], rotated like a weight: other layers' caches come between two calls."""
    table: Tensor
    """[B, pages per sequence] int32."""
    lengths: Tensor
    """[B] int32."""

    def rows(self, sequence: int, cache: Tensor) -> Tensor:
        """The cached entries of one sequence, [S, 576]."""
        pages = cache[self.table[sequence].long()]
        return pages.view(-1, _LATENT)[: int(self.lengths[sequence])]


def _inputs(ctx: Context) -> _Inputs:
    import torch

    batch, seq_len = ctx.case.batch, ctx.case.seq_len
    pages = -(-seq_len // PAGE)
    caches = ctx.rotated(lambda: ctx.normal(batch * pages, PAGE, 1, _LATENT), 2 * batch * pages * PAGE * _LATENT)
    table = torch.randperm(batch * pages, device=ctx.device).view(batch, pages).int()
    lengths = torch.full((batch,), seq_len, device=ctx.device, dtype=torch.int32)
    return _Inputs(ctx.normal(batch, ctx.heads, _LATENT), caches, table, lengths)


def _call(inputs: _Inputs, attend: Kernel) -> Call:
    """`attend(cache)` gives [B, h, 512], with or without a query dimension of 1."""
    query = inputs.query

    def reference() -> tuple[Tensor, ...]:
        import torch

        outputs = []
        for sequence in range(query.shape[0]):
            keys = inputs.rows(sequence, inputs.caches.first).float()
            weights = (query[sequence].float() @ keys.t() * SCALE).softmax(-1)
            outputs.append(weights @ keys[:, :KV_LORA])
        return (torch.stack(outputs),)

    shape = (query.shape[0], query.shape[1], KV_LORA)
    return Call(
        lambda step: attend(inputs.caches.at(step)),
        reference,
        2e-2,
        results=lambda output: (output.reshape(shape),),
    )


def _flash_mla(ctx: Context, spec: OpSpec) -> Call:
    attend, metadata = (
        find("sgl_kernel.flash_mla:flash_mla_with_kvcache"),
        find("sgl_kernel.flash_mla:get_mla_metadata"),
    )
    inputs = _inputs(ctx)
    tiles, splits = metadata(inputs.lengths, ctx.heads, 1)
    query = inputs.query.unsqueeze(1)

    def run(cache: Tensor) -> Output:
        output = attend(
            query,
            cache,
            inputs.table,
            inputs.lengths,
            KV_LORA,
            tiles,
            splits,
            softmax_scale=SCALE,
            causal=False,
        )
        return output[0]

    return _call(inputs, run)


def _fa3(ctx: Context, spec: OpSpec) -> Call:
    import torch

    attend = find("sgl_kernel.flash_attn:flash_attn_with_kvcache")
    inputs = _inputs(ctx)
    nope, pe = (part.contiguous() for part in inputs.query.split([KV_LORA, ROPE], -1))
    ends = torch.arange(ctx.case.batch + 1, device=ctx.device, dtype=torch.int32)
    key_ends = ends * ctx.case.seq_len

    def run(cache: Tensor) -> Output:
        return attend(
            q=pe, k_cache=cache[..., KV_LORA:], v_cache=cache[..., :KV_LORA], qv=nope, page_table=inputs.table,
            cache_seqlens=inputs.lengths, cu_seqlens_q=ends, cu_seqlens_k_new=key_ends, max_seqlen_q=1,
            softmax_scale=SCALE, causal=False,
        )  # fmt: skip

    return _call(inputs, run)


def _flashinfer_fa3(ctx: Context, spec: OpSpec) -> Call:
    """Pages of one entry, as SGLang plans it."""
    import torch

    wrapper_type = find("flashinfer.mla:BatchMLAPagedAttentionWrapper")
    inputs, seq_len = _inputs(ctx), ctx.case.seq_len
    wrapper = wrapper_type(ctx.empty(128 << 20, dtype=torch.uint8), backend="fa3")
    slots = inputs.table.long()[..., None] * PAGE + torch.arange(PAGE, device=ctx.device)
    slots = slots.view(ctx.case.batch, -1)[:, :seq_len].reshape(-1).int()
    ends = torch.arange(ctx.case.batch + 1, device=ctx.device, dtype=torch.int32)
    wrapper.plan(
        ends, ends * seq_len, slots, inputs.lengths, ctx.heads, KV_LORA, ROPE, 1, False, SCALE,
        torch.bfloat16, torch.bfloat16,
    )  # fmt: skip
    nope, pe = (part.contiguous() for part in inputs.query.split([KV_LORA, ROPE], -1))

    def run(cache: Tensor) -> Output:
        flat = cache.view(-1, 1, _LATENT)
        return wrapper.run(nope, pe, flat[..., :KV_LORA], flat[..., KV_LORA:])

    return _call(inputs, run)


def _cutlass(ctx: Context, spec: OpSpec) -> Call:
    import torch
    from torch.nn.functional import pad

    attend = find("sgl_kernel:cutlass_mla_decode")
    workspace_size = find("sgl_kernel:cutlass_mla_get_workspace_size")
    inputs = _inputs(ctx)
    columns = inputs.table.shape[1]
    table = pad(inputs.table, (0, -columns % (128 // PAGE)))  # whole blocks of 128 entries; the rest is not read
    nope, pe = (part.contiguous() for part in inputs.query.split([KV_LORA, ROPE], -1))
    workspace_bytes = workspace_size(table.shape[1] * PAGE, ctx.case.batch, num_kv_splits=1)
    workspace = ctx.empty(workspace_bytes, dtype=torch.uint8)

    def run(cache: Tensor) -> Output:
        flat = cache.view(-1, PAGE, _LATENT)
        return attend(nope, pe, flat, inputs.lengths, table, workspace, SCALE, 1)

    return _call(inputs, run)


def _trtllm(ctx: Context, spec: OpSpec) -> Call:
    import torch

    attend = find("flashinfer.mla:trtllm_batch_decode_with_kv_cache_mla")
    inputs = _inputs(ctx)
    workspace = torch.zeros(128 << 20, device=ctx.device, dtype=torch.uint8)
    query = inputs.query.unsqueeze(1)

    def run(cache: Tensor) -> Output:
        return attend(
            query, cache.view(-1, PAGE, _LATENT), workspace, NOPE, KV_LORA, ROPE, inputs.table, inputs.lengths,
            ctx.case.seq_len, bmm1_scale=SCALE, bmm2_scale=1.0,
        )  # fmt: skip

    return _call(inputs, run)


def _torch(ctx: Context, spec: OpSpec) -> Call:
    """Two batched products and a softmax over a cache that lies by sequence, [B, S, 576]."""
    import torch

    inputs = _inputs(ctx)
    gathered = {
        id(cache): torch.stack([inputs.rows(b, cache) for b in range(ctx.case.batch)]) for cache in inputs.caches.copies
    }

    def run(cache: Tensor) -> Output:
        keys = gathered[id(cache)]
        scores = torch.bmm(inputs.query, keys.transpose(1, 2)).float().mul_(SCALE)
        return torch.bmm(scores.softmax(-1).bfloat16(), keys[..., :KV_LORA])

    return _call(inputs, run)


def _cache_bytes(spec: OpSpec) -> int:
    """One copy of the cache in whole pages."""
    return 2 * size(spec, "b") * -(-size(spec, "s") // PAGE) * PAGE * _LATENT


def _weights(spec: OpSpec, counts: Counts) -> Weights:
    """The cache is rotated like a weight; the formula reads the entries alone."""
    return Weights(2 * size(spec, "b") * size(spec, "s") * _LATENT, _cache_bytes(spec))


def _gathered_bytes(spec: OpSpec, copies: int) -> float:
    """The caches by sequence, and the scores in fp32 and bf16."""
    b, s, h = (size(spec, letter) for letter in "bsh")
    return copies * _cache_bytes(spec) + 8 * b * h * s


_HOPPER, _BLACKWELL = (9, 0), (10, 0)
_implementation = partial(Implementation, formulas=("mla_decode",), precisions=frozenset({"bf16"}))

OPS = (Op("mla_decode", _weights),)

IMPLEMENTATIONS = (
    _implementation(
        "flash_mla_with_kvcache", make=_flash_mla,
        needs=Needs(
            capability=_HOPPER, below=_BLACKWELL,
            names=("sgl_kernel.flash_mla:flash_mla_with_kvcache", "sgl_kernel.flashmla_ops:__name__"),
        ),
    ),
    _implementation(
        "fa3_with_kvcache", make=_fa3,
        needs=Needs(
            capability=_HOPPER, below=_BLACKWELL, names=("sgl_kernel.flash_attn:flash_attn_with_kvcache",),
        ),
    ),
    _implementation(
        "cutlass_mla_decode", make=_cutlass,
        needs=Needs(
            capability=_BLACKWELL, below=(12, 0),
            names=("sgl_kernel:cutlass_mla_decode", "sgl_kernel:cutlass_mla_get_workspace_size"),
        ),
    ),
    _implementation(
        "flashinfer_trtllm_mla", make=_trtllm, jit=True,
        needs=Needs(
            capability=_BLACKWELL, below=(12, 0), names=("flashinfer.mla:trtllm_batch_decode_with_kv_cache_mla",),
        ),
    ),
    _implementation(
        "flashinfer_mla_fa3", make=_flashinfer_fa3, jit=True,
        needs=Needs(
            capability=_HOPPER, below=_BLACKWELL, names=("flashinfer.mla:BatchMLAPagedAttentionWrapper",),
        ),
    ),
    _implementation(
        "torch", make=_torch, needs=Needs(gpu=False), extra_bytes=_gathered_bytes,
        note="reads a cache that lies by sequence",
    ),
)  # fmt: skip
