"""The write of new latent entries into the paged KV cache."""

from functools import partial

from roofprof.formulas.layer import KV_LORA, Q_LORA, QKV_A, ROPE, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs
from roofprof.harness.inputs.tensors import Kernel, Tensor

PAGE = 64


def _call(ctx: Context, writer: Kernel) -> Call:
    """`writer(cache [slots, 1, 576], nope [M, 512], pe [M, 64], slots [M] int64)` gives what writes them.

    The slots are in random order, as the pages of many sequences are.
    """
    import torch

    slots_held = -(-max(ctx.tokens, PAGE) * 4 // PAGE) * PAGE
    cache = torch.zeros(slots_held, 1, KV_LORA + ROPE, device=ctx.device, dtype=torch.bfloat16)
    latent = ctx.normal(ctx.tokens, QKV_A)
    nope, pe = latent[:, Q_LORA : Q_LORA + KV_LORA], latent[:, Q_LORA + KV_LORA :]
    slots = torch.randperm(slots_held, device=ctx.device)[: ctx.tokens]
    write = writer(cache, nope, pe, slots)

    def reference() -> tuple[Tensor, ...]:
        expected = torch.zeros_like(cache, dtype=torch.float32)
        expected[slots, 0] = torch.cat([nope, pe], -1).float()
        return (expected,)

    return Call(lambda step: write(), reference, 1e-6, results=lambda _: (cache,))


def _triton(ctx: Context, spec: OpSpec) -> Call:
    from roofprof.harness.ops._triton_kernels import write_kv

    return _call(ctx, lambda *tensors: partial(write_kv, *tensors))


def _flashinfer(ctx: Context, spec: OpSpec) -> Call:
    """Every token is passed as a sequence of its own, its slot as page number and position in the page."""
    import torch

    append = find("flashinfer:append_paged_mla_kv_cache")

    def writer(cache: Tensor, nope: Tensor, pe: Tensor, slots: Tensor) -> Kernel:
        indptr = torch.arange(slots.shape[0] + 1, device=ctx.device, dtype=torch.int32)
        pages, positions = (slots // PAGE).int(), (slots % PAGE).int()
        ckv, kpe = cache.view(-1, PAGE, KV_LORA + ROPE).split([KV_LORA, ROPE], -1)
        last_page_len = positions + 1
        return lambda: append(nope, pe, indptr[:-1], positions, ckv, kpe, pages, indptr, last_page_len)

    return _call(ctx, writer)


def _torch(ctx: Context, spec: OpSpec) -> Call:
    def writer(cache: Tensor, nope: Tensor, pe: Tensor, slots: Tensor) -> Kernel:
        def write() -> None:
            cache[:, 0, :KV_LORA].index_copy_(0, slots, nope)
            cache[:, 0, KV_LORA:].index_copy_(0, slots, pe)

        return write

    return _call(ctx, writer)


IMPLEMENTATIONS = (
    Implementation(
        "triton_kv_write", ("kv_write",), _triton, Needs(names=("triton:jit",)),
        note="roofprof's own kernel, in place of sglang's set_mla_kv_buffer_triton",
    ),
    Implementation(
        "flashinfer_append_paged_mla_kv_cache", ("kv_write",), _flashinfer,
        Needs(names=("flashinfer:append_paged_mla_kv_cache",)), jit=True,
    ),
    Implementation("torch", ("kv_write",), _torch, Needs(gpu=False)),
)  # fmt: skip
