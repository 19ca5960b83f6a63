"""Rotary embedding of the 64 rotary columns, GPT-J pairs."""

from roofprof.formulas.layer import KV_LORA, NOPE, Q_LORA, QKV_A, ROPE, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs
from roofprof.harness.inputs.tensors import Kernel, Tensor

_THETA = 10000.0


def _cos_sin(ctx: Context) -> Tensor:
    """[positions, 64] fp32, cosines then sines; without YaRN, which changes numbers and no work."""
    import torch

    positions = torch.arange(ctx.case.seq_len, device=ctx.device).float()[:, None]
    angles = positions * _THETA ** (-torch.arange(0, ROPE, 2, device=ctx.device).float() / ROPE)
    return torch.cat([angles.cos(), angles.sin()], -1)


def _positions(ctx: Context) -> Tensor:
    """[M] int64: the last one of each sequence in decode, all of them in prefill."""
    import torch

    case = ctx.case
    if case.phase == "decode":
        return torch.full((case.batch,), case.seq_len - 1, device=ctx.device, dtype=torch.int64)
    return torch.arange(case.seq_len, device=ctx.device).repeat(case.batch)


def rotate_pairs(x: Tensor, cos_sin: Tensor, positions: Tensor) -> Tensor:
    """x [M, h, 64] rotated by its positions, fp32."""
    import torch

    cos, sin = (part[:, None] for part in cos_sin[positions].float().chunk(2, -1))
    even, odd = x.float()[..., ::2], x.float()[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)


def _strided(ctx: Context, rotate: Kernel, cos_sin: Tensor) -> Call:
    """`rotate(positions, q [M, h, 64], k [M, 1, 64])` in place on the model's strided views."""
    q = ctx.normal(ctx.tokens, ctx.heads, NOPE + ROPE)[..., NOPE:]
    k = ctx.normal(ctx.tokens, QKV_A)[:, Q_LORA + KV_LORA :].unsqueeze(1)
    return _call(ctx, rotate, q, k, cos_sin)


def _call(ctx: Context, rotate: Kernel, q: Tensor, k: Tensor, cos_sin: Tensor) -> Call:
    positions = _positions(ctx)
    before = [x.clone() for x in (q, k)]

    def reference() -> tuple[Tensor, ...]:
        shaped = [x.view(ctx.tokens, -1, ROPE) if x.dim() == 2 else x for x in before]
        return tuple(rotate_pairs(x, cos_sin, positions).view(old.shape) for x, old in zip(shaped, before, strict=True))

    return Call(lambda step: rotate(positions, q, k), reference, results=lambda _: (q, k))


def _sgl_rotary(ctx: Context, spec: OpSpec) -> Call:
    rotary = find("sgl_kernel:rotary_embedding")
    q, k = ctx.normal(ctx.tokens, ctx.heads * ROPE), ctx.normal(ctx.tokens, ROPE)
    cos_sin = _cos_sin(ctx).bfloat16()
    return _call(ctx, lambda positions, q, k: rotary(positions, q, k, ROPE, cos_sin, False), q, k, cos_sin)


def _inplace(ctx: Context, name: str) -> Call:
    rope, cos_sin = find(name), _cos_sin(ctx)
    return _strided(ctx, lambda positions, q, k: rope(positions, q, k, ROPE, cos_sin, False), cos_sin)


def _sgl_inplace(ctx: Context, spec: OpSpec) -> Call:
    return _inplace(ctx, "sgl_kernel:apply_rope_with_cos_sin_cache_inplace")


def _flashinfer_inplace(ctx: Context, spec: OpSpec) -> Call:
    return _inplace(ctx, "flashinfer:apply_rope_with_cos_sin_cache_inplace")


def _torch_rope(ctx: Context, spec: OpSpec) -> Call:
    cos_sin = _cos_sin(ctx)

    def rotate(positions: Tensor, q: Tensor, k: Tensor) -> None:
        for x in (q, k):
            x.copy_(rotate_pairs(x, cos_sin, positions))

    return _strided(ctx, rotate, cos_sin)


IMPLEMENTATIONS = (
    Implementation(
        "sgl_rotary_embedding", ("rope",), _sgl_rotary, Needs(names=("sgl_kernel:rotary_embedding",)),
        note="contiguous q and k, bf16 cos/sin cache",
    ),
    Implementation(
        "sgl_apply_rope_inplace", ("rope",), _sgl_inplace,
        Needs(names=("sgl_kernel:apply_rope_with_cos_sin_cache_inplace",)),
    ),
    Implementation(
        "flashinfer_apply_rope_inplace", ("rope",), _flashinfer_inplace,
        Needs(names=("flashinfer:apply_rope_with_cos_sin_cache_inplace",)), jit=True,
    ),
    Implementation("torch", ("rope",), _torch_rope, Needs(gpu=False)),
)  # fmt: skip
