"""RMSNorm, with and without the residual add."""

from roofprof.formulas.layer import QKV_A, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

EPSILON = 1e-6
_COLUMN = {"q_a_layernorm": 0, "kv_a_layernorm": 1536}


def _reference(x: Tensor, weight: Tensor) -> Tensor:
    wide = x.float()
    return wide * (wide.pow(2).mean(-1, keepdim=True) + EPSILON).rsqrt() * weight.float()


def _norm(ctx: Context, spec: OpSpec, norm: Kernel) -> Call:
    """`norm(x, weight, out)` over columns of fused_qkv_a_proj's output: [m, d] of row stride 2112, as in the model."""
    m, d = size(spec, "m"), size(spec, "d")
    first = _COLUMN[spec.op]
    x, out = ctx.normal(m, QKV_A)[:, first : first + d], ctx.empty(m, d)
    weights = ctx.rotated(lambda: 1 + ctx.normal(d, scale=0.1), 2 * d)

    def run(step: int) -> Output:
        result = norm(x, weights.at(step), out)
        return out if result is None else result

    return Call(run, lambda: (_reference(x, weights.first),))


def _add_norm(ctx: Context, spec: OpSpec, norm: Kernel) -> Call:
    """`norm(x, residual, weight)` in place: residual += x, x = norm(residual), both [m, d]."""
    m, d = size(spec, "m"), size(spec, "d")
    x, residual = ctx.normal(m, d), ctx.normal(m, d)
    weights = ctx.rotated(lambda: 1 + ctx.normal(d, scale=0.1), 2 * d)
    total = x.float() + residual.float()
    return Call(
        lambda step: norm(x, residual, weights.at(step)),
        lambda: (_reference(total, weights.first), total),
        results=lambda _: (x, residual),
    )


def _sgl_norm(ctx: Context, spec: OpSpec) -> Call:
    rmsnorm = find("torch.ops.sgl_kernel:rmsnorm.default")
    return _norm(ctx, spec, lambda x, weight, out: rmsnorm(out, x, weight, EPSILON, False))


def _flashinfer_norm(ctx: Context, spec: OpSpec) -> Call:
    rmsnorm = find("flashinfer.norm:rmsnorm")
    return _norm(ctx, spec, lambda x, weight, out: rmsnorm(x, weight, EPSILON, out))


def _torch_norm(ctx: Context, spec: OpSpec) -> Call:
    rms_norm = find("torch.nn.functional:rms_norm")
    return _norm(ctx, spec, lambda x, weight, out: rms_norm(x, weight.shape, weight, EPSILON))


def _sgl_add_norm(ctx: Context, spec: OpSpec) -> Call:
    fused = find("torch.ops.sgl_kernel:fused_add_rmsnorm.default")
    return _add_norm(ctx, spec, lambda x, residual, weight: fused(x, residual, weight, EPSILON, False))


def _flashinfer_add_norm(ctx: Context, spec: OpSpec) -> Call:
    fused = find("flashinfer.norm:fused_add_rmsnorm")
    return _add_norm(ctx, spec, lambda x, residual, weight: fused(x, residual, weight, EPSILON))


def _torch_add_norm(ctx: Context, spec: OpSpec) -> Call:
    rms_norm = find("torch.nn.functional:rms_norm")

    def norm(x: Tensor, residual: Tensor, weight: Tensor) -> None:
        residual.add_(x)
        x.copy_(rms_norm(residual, weight.shape, weight, EPSILON))

    return _add_norm(ctx, spec, norm)


# The binary's own kernels: sgl_kernel.rmsnorm hands over to flashinfer.norm when that imports.
IMPLEMENTATIONS = (
    Implementation(
        "sgl_rmsnorm", ("rmsnorm",), _sgl_norm, Needs(names=("torch.ops.sgl_kernel:rmsnorm.default",)),
    ),
    Implementation(
        "flashinfer_rmsnorm", ("rmsnorm",), _flashinfer_norm, Needs(names=("flashinfer.norm:rmsnorm",)), jit=True,
    ),
    Implementation("torch", ("rmsnorm",), _torch_norm, Needs(gpu=False, names=("torch.nn.functional:rms_norm",))),
    Implementation(
        "sgl_fused_add_rmsnorm", ("add_rmsnorm",), _sgl_add_norm,
        Needs(names=("torch.ops.sgl_kernel:fused_add_rmsnorm.default",)),
    ),
    Implementation(
        "flashinfer_fused_add_rmsnorm", ("add_rmsnorm",), _flashinfer_add_norm,
        Needs(names=("flashinfer.norm:fused_add_rmsnorm",)), jit=True,
    ),
    Implementation(
        "torch", ("add_rmsnorm",), _torch_add_norm, Needs(gpu=False, names=("torch.nn.functional:rms_norm",)),
    ),
)  # fmt: skip
