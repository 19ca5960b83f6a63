"""Dense projections in bf16, FP8 and FP4, and the router."""

from dataclasses import replace
from functools import partial

from roofprof.formulas.layer import HIDDEN, QKV_A, OpSpec
from roofprof.formulas.models import weight_bytes
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op, Weights
from roofprof.harness.inputs.quantised import (
    Fp4,
    Quantised,
    fp4_activation,
    fp4_values,
    fp8_activation,
    fp8_activation_values,
    fp8_weight_values,
    random_fp4_weight,
    random_fp8_weight,
)
from roofprof.harness.inputs.rotation import Rotated
from roofprof.harness.inputs.sizes import gemm_sizes, multiple_of, size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

BF16, FP8, FP4 = frozenset({"bf16"}), frozenset({"fp8"}), frozenset({"fp4"})
_TOLERANCE = {"bf16": 1e-2, "fp8": 2e-2, "fp4": 2e-2}


def _bf16(ctx: Context, spec: OpSpec) -> tuple[Tensor, Rotated[Tensor]]:
    m, n, k = gemm_sizes(spec)
    weights = ctx.rotated(lambda: ctx.normal(n, k, scale=k**-0.5), weight_bytes(n, k, "bf16"))
    return ctx.normal(m, k), weights


def _bf16_call(ctx: Context, spec: OpSpec, product: Kernel) -> Call:
    """`product(x [m, k], w [n, k])`."""
    x, weights = _bf16(ctx, spec)

    def reference() -> tuple[Tensor, ...]:
        import torch

        # in parts: lm_head's weight in fp32 is 3.7 GB
        return (torch.cat([x.float() @ part.float().t() for part in weights.first.split(16384)], 1),)

    return Call(lambda step: product(x, weights.at(step)), reference, _TOLERANCE["bf16"])


def _torch_linear(ctx: Context, spec: OpSpec) -> Call:
    return _bf16_call(ctx, spec, find("torch.nn.functional:linear"))


def _dsv3_fused_a(ctx: Context, spec: OpSpec) -> Call:
    fused_a = find("sgl_kernel:dsv3_fused_a_gemm")
    return _bf16_call(ctx, spec, lambda x, w: fused_a(x, w.t()))


def _dsv3_router(ctx: Context, spec: OpSpec) -> Call:
    import torch

    router = find("sgl_kernel:dsv3_router_gemm")
    return _bf16_call(ctx, spec, lambda x, w: router(x, w, out_dtype=torch.float32))


def _fp8_call(
    ctx: Context, spec: OpSpec, product: Kernel, *, padded_n: int | None = None, column_major: bool = True,
    quantises: bool = False,
) -> Call:  # fmt: skip
    """`product(activation, weight)` of `Quantised` operands, the activation in bf16 where the kernel quantises it."""
    m, n, k = gemm_sizes(spec)
    weights = ctx.rotated(lambda: random_fp8_weight(n, k, ctx.device, padded_n), weight_bytes(n, k, "fp8"))
    plain = ctx.normal(m, k)
    x = fp8_activation(plain, column_major)

    def reference() -> tuple[Tensor, ...]:
        w = weights.first
        rows = Quantised(w.values[:n], w.scales)
        return (fp8_activation_values(x) @ fp8_weight_values(rows).t(),)

    return Call(
        lambda step: product(plain if quantises else x, weights.at(step)),
        reference,
        _TOLERANCE["fp8"],
        results=lambda output: (output[:, :n],),
    )


def _sgl_fp8(ctx: Context, spec: OpSpec) -> Call:
    """CUTLASS refuses an n that 128 does not divide: 2112 is padded to 2176 with zero rows."""
    import torch

    multiply = find("sgl_kernel:fp8_blockwise_scaled_mm")

    def product(x: Quantised, w: Quantised) -> Output:
        return multiply(x.values, w.values.t(), x.scales, w.scales.t(), torch.bfloat16)

    return _fp8_call(ctx, spec, product, padded_n=-(-size(spec, "n") // 128) * 128)


def _torch_scaled_mm(ctx: Context, spec: OpSpec) -> Call:
    import torch

    multiply = find("torch:_scaled_mm")

    def product(x: Quantised, w: Quantised) -> Output:
        return multiply(x.values, w.values.t(), scale_a=x.scales, scale_b=w.scales.t(), out_dtype=torch.bfloat16)

    return _fp8_call(ctx, spec, product)


def _flashinfer_fp8(ctx: Context, spec: OpSpec) -> Call:
    multiply = find("flashinfer.gemm:fp8_blockscale_gemm_sm90")
    return _fp8_call(ctx, spec, lambda x, w: multiply(x, w.values, None, w.scales), column_major=False, quantises=True)


def _deep_gemm(ctx: Context, spec: OpSpec) -> Call:
    multiply = find("deep_gemm:fp8_gemm_nt")
    out = ctx.empty(size(spec, "m"), size(spec, "n"))

    def product(x: Quantised, w: Quantised) -> Output:
        multiply((x.values, x.scales), (w.values, w.scales), out)
        return out

    return _fp8_call(ctx, spec, product, column_major=False)


def _fp4_call(ctx: Context, spec: OpSpec, product: Kernel) -> Call:
    """`product(activation, weight, their swizzled scales, alpha)`."""
    m, n, k = gemm_sizes(spec)
    x = fp4_activation(ctx.normal(m, k))
    x_scales = x.swizzled

    def weight() -> tuple[Fp4, Tensor, Tensor]:
        w = random_fp4_weight(n, k, ctx.device)
        return w, w.swizzled, 1 / (x.global_scale * w.global_scale)

    weights = ctx.rotated(weight, weight_bytes(n, k, "fp4"))

    def run(step: int) -> Output:
        w, w_scales, alpha = weights.at(step)
        return product(x.packed, w.packed, x_scales, w_scales, alpha)

    return Call(run, lambda: (fp4_values(x) @ fp4_values(weights.first[0]).t(),), _TOLERANCE["fp4"])


def _sgl_fp4(ctx: Context, spec: OpSpec, name: str) -> Call:
    import torch

    multiply = find(name)
    return _fp4_call(ctx, spec, lambda x, w, xs, ws, alpha: multiply(x, w, xs, ws, alpha, torch.bfloat16))


def _flashinfer_fp4(ctx: Context, spec: OpSpec) -> Call:
    import torch

    multiply = find("flashinfer:mm_fp4")

    def product(x: Tensor, w: Tensor, x_scales: Tensor, w_scales: Tensor, alpha: Tensor) -> Output:
        return multiply(x, w.t(), x_scales, w_scales.t(), alpha, torch.bfloat16, backend="cutlass")

    return _fp4_call(ctx, spec, product)


def _weights(spec: OpSpec, counts: Counts) -> Weights:
    _, n, k = gemm_sizes(spec)
    one = weight_bytes(n, k, str(spec.shape["precision"]))
    return Weights(one, one)


def _only_qkv_a(spec: OpSpec) -> str | None:
    _, n, k = gemm_sizes(spec)
    return None if (n, k) == (QKV_A, HIDDEN) else f"it is built for {HIDDEN} to {QKV_A}"


def _bf16_output(spec: OpSpec, counts: Counts) -> OpSpec:
    """F.linear gives the router's logits in bf16, where the formula has fp32."""
    return replace(spec, shape={**spec.shape, "output": "bf16"}) if spec.op == "router_gemm" else spec


def _own_quant(op: str) -> tuple[str, ...]:
    return (f"quant_{op}",)


_HOPPER, _BLACKWELL = (9, 0), (10, 0)
_SGL_FP4, _SGLANG_FP4 = "sgl_kernel:cutlass_scaled_fp4_mm", "sglang.jit_kernel.nvfp4:cutlass_scaled_fp4_mm"

OPS = (Op("gemm", _weights),)

IMPLEMENTATIONS = (
    Implementation(
        "dsv3_fused_a_gemm", ("gemm",), _dsv3_fused_a,
        Needs(capability=_HOPPER, below=(12, 0), names=("sgl_kernel:dsv3_fused_a_gemm",), max_tokens=16,
              fits=_only_qkv_a),
        ops=("fused_qkv_a_proj",), precisions=BF16,
    ),
    Implementation(
        "dsv3_router_gemm", ("gemm",), _dsv3_router,
        Needs(capability=_HOPPER, names=("sgl_kernel:dsv3_router_gemm",), max_tokens=16),
        ops=("router_gemm",), precisions=BF16,
    ),
    Implementation(
        "torch_linear", ("gemm",), _torch_linear, Needs(gpu=False, names=("torch.nn.functional:linear",)),
        precisions=BF16, actual_spec=_bf16_output,
    ),
    Implementation(
        "fp8_blockwise_scaled_mm", ("gemm",), _sgl_fp8,
        Needs(capability=_HOPPER, names=("sgl_kernel:fp8_blockwise_scaled_mm",), fits=partial(multiple_of, 128, "k")),
        precisions=FP8, note="copies scales_b; pads m to a multiple of 4 and n to one of 128",
    ),
    Implementation(
        "torch_scaled_mm", ("gemm",), _torch_scaled_mm,
        Needs(capability=_HOPPER, below=_BLACKWELL, names=("torch:_scaled_mm",),
              fits=lambda spec: multiple_of(4, "m", spec) or multiple_of(512, "k", spec)),
        precisions=FP8,
    ),
    Implementation(
        "flashinfer_fp8_blockscale_gemm_sm90", ("gemm",), _flashinfer_fp8,
        Needs(capability=_HOPPER, below=_BLACKWELL, names=("flashinfer.gemm:fp8_blockscale_gemm_sm90",),
              fits=lambda spec: multiple_of(64, "n", spec) or multiple_of(128, "k", spec)),
        precisions=FP8, fuses=_own_quant, jit=True,
        note="takes bf16 and quantises it inside: reads m*k bytes more than the formula",
    ),
    Implementation(
        "deep_gemm_fp8_gemm_nt", ("gemm",), _deep_gemm,
        Needs(capability=_HOPPER, below=_BLACKWELL, names=("deep_gemm:fp8_gemm_nt",),
              fits=lambda spec: multiple_of(64, "n", spec) or multiple_of(128, "k", spec)),
        precisions=FP8, jit=True,
        note="transposes the activation's row-major scales first",
    ),
    Implementation(
        "cutlass_scaled_fp4_mm", ("gemm",), partial(_sgl_fp4, name=_SGL_FP4),
        Needs(capability=_BLACKWELL, names=(_SGL_FP4,)), precisions=FP4,
    ),
    Implementation(
        "sglang_cutlass_scaled_fp4_mm", ("gemm",), partial(_sgl_fp4, name=_SGLANG_FP4),
        Needs(capability=_BLACKWELL, names=(_SGLANG_FP4,)), precisions=FP4, jit=True,
    ),
    Implementation(
        "flashinfer_mm_fp4", ("gemm",), _flashinfer_fp4, Needs(capability=_BLACKWELL, names=("flashinfer:mm_fp4",)),
        precisions=FP4, jit=True,
    ),
)  # fmt: skip
