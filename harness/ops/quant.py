"""Quantisation of activations: FP8 per 1x128, FP8 per tensor, NVFP4 per 1x16."""

from roofprof.formulas.layer import KV_LORA, NOPE, ROPE, OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call, relative_error
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.quantised import (
    FP8_MAX,
    Fp4,
    Quantised,
    fp4_activation,
    fp4_values,
    fp8_activation,
    fp8_activation_values,
    fp8_tensor,
    unswizzle_scales,
)
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

FP8, FP4 = frozenset({"fp8"}), frozenset({"fp4"})
_ROUNDING = 4  # e4m3 rounding alone is an error of 2.6 %, e2m1 with its scales of about 10 %


def _column_major(op: str) -> bool:
    """Dense GEMMs take M-major scales, grouped ones row-major."""
    return op not in ("quant_moe_gate_up", "quant_moe_down")


def _fp8_call(x: Tensor, column_major: bool, run: Kernel) -> Call:
    def error(output: Quantised) -> float:
        scales = fp8_activation(x, column_major).scales
        values = fp8_activation_values(Quantised(output.values, output.scales))
        return max(relative_error(values, x) / _ROUNDING, relative_error(output.scales, scales))

    return Call(run, tuple, error=error)


def _sgl_fp8(ctx: Context, spec: OpSpec) -> Call:
    import torch

    quantise = find("sgl_kernel:sgl_per_token_group_quant_8bit")
    m, k, column_major = size(spec, "m"), size(spec, "k"), _column_major(spec.op)
    x, values = ctx.normal(m, k), ctx.empty(m, k, dtype=torch.float8_e4m3fn)
    scales = ctx.empty(k // 128, m, dtype=torch.float32).t() if column_major else None
    scales = ctx.empty(m, k // 128, dtype=torch.float32) if scales is None else scales

    def run(step: int) -> Quantised:
        quantise(x, values, scales, 128, 1e-10, -FP8_MAX, FP8_MAX, False, enable_v2=True)
        return Quantised(values, scales)

    return _fp8_call(x, column_major, run)


def _torch_fp8(ctx: Context, spec: OpSpec) -> Call:
    x, column_major = ctx.normal(size(spec, "m"), size(spec, "k")), _column_major(spec.op)
    return _fp8_call(x, column_major, lambda step: fp8_activation(x, column_major))


def _heads_first(ctx: Context, spec: OpSpec) -> Tensor:
    """The absorbed product's input as the model has it: [h, M, k], a transposed view."""
    k = size(spec, "k")
    width = NOPE + ROPE if spec.op == "quant_q_nope_w_kc" else KV_LORA
    return ctx.normal(size(spec, "m") // ctx.heads, ctx.heads, width)[..., :k].transpose(0, 1)


def _tensor_call(x: Tensor, run: Kernel) -> Call:
    def error(output: Quantised) -> float:
        values, expected = output.values.view(x.shape).float() * output.scales, fp8_tensor(x)
        return max(relative_error(values, x) / _ROUNDING, relative_error(output.scales.view(1), expected.scales))

    return Call(run, tuple, error=error)


def _triton_tensor(ctx: Context, spec: OpSpec) -> Call:
    from roofprof.harness.ops._triton_kernels import TensorQuantiser

    x = _heads_first(ctx, spec)
    quantiser = TensorQuantiser(x)
    return _tensor_call(x, lambda step: Quantised(*quantiser.run()))


def _sgl_tensor(ctx: Context, spec: OpSpec) -> Call:
    import torch

    quantise = find("sgl_kernel:sgl_per_tensor_quant_fp8")
    x = _heads_first(ctx, spec).contiguous().view(-1, size(spec, "k"))
    values, scale = ctx.empty(*x.shape, dtype=torch.float8_e4m3fn), ctx.empty(1, dtype=torch.float32)

    def run(step: int) -> Quantised:
        scale.zero_()  # the kernel takes the maximum with what is there
        quantise(x, values, scale, False)
        return Quantised(values, scale)

    return _tensor_call(x, run)


def _torch_tensor(ctx: Context, spec: OpSpec) -> Call:
    x = _heads_first(ctx, spec)
    return _tensor_call(x, lambda step: fp8_tensor(x))


def _fp4_call(x: Tensor, run: Kernel) -> Call:
    """`run` gives (packed, swizzled scales); the global scale is the reference's."""
    expected = fp4_activation(x)

    def error(output: Output) -> float:
        import torch

        packed, scales = output
        plain = unswizzle_scales(scales.view(torch.float8_e4m3fn), *expected.scales.shape)
        return relative_error(fp4_values(Fp4(packed, plain, expected.global_scale)), x) / 16

    return Call(run, tuple, error=error)


def _sgl_fp4(ctx: Context, spec: OpSpec) -> Call:
    return _scaled_fp4_quant(ctx, spec, "sgl_kernel:scaled_fp4_quant")


def _sglang_fp4(ctx: Context, spec: OpSpec) -> Call:
    return _scaled_fp4_quant(ctx, spec, "sglang.jit_kernel.nvfp4:scaled_fp4_quant")


def _scaled_fp4_quant(ctx: Context, spec: OpSpec, name: str) -> Call:
    quantise = find(name)
    x = ctx.normal(size(spec, "m"), size(spec, "k"))
    global_scale = fp4_activation(x).global_scale
    return _fp4_call(x, lambda step: quantise(x, global_scale))


def _flashinfer_fp4(ctx: Context, spec: OpSpec) -> Call:
    quantise = find("flashinfer:fp4_quantize")
    x = ctx.normal(size(spec, "m"), size(spec, "k"))
    global_scale = fp4_activation(x).global_scale
    return _fp4_call(x, lambda step: quantise(x, global_scale, 16, False, True))


def _counted(spec: OpSpec, counts: Counts) -> Shape:
    if spec.op == "quant_moe_gate_up" and counts.own_tokens is not None:
        return {"m": counts.own_tokens}
    return {"m": counts.rows} if spec.op == "quant_moe_down" else {}


_BLACKWELL = (10, 0)

OPS = (Op("quant", counted=_counted),)

IMPLEMENTATIONS = (
    Implementation(
        "sgl_per_token_group_quant_8bit", ("quant",), _sgl_fp8,
        Needs(capability=(8, 9), names=("sgl_kernel:sgl_per_token_group_quant_8bit",)), precisions=FP8,
    ),
    Implementation("torch", ("quant",), _torch_fp8, Needs(gpu=False), precisions=FP8),
    Implementation(
        "scaled_fp4_quant", ("quant",), _sgl_fp4,
        Needs(capability=_BLACKWELL, names=("sgl_kernel:scaled_fp4_quant",)), precisions=FP4,
    ),
    Implementation(
        "sglang_scaled_fp4_quant", ("quant",), _sglang_fp4,
        Needs(capability=_BLACKWELL, names=("sglang.jit_kernel.nvfp4:scaled_fp4_quant",)), precisions=FP4, jit=True,
    ),
    Implementation(
        "flashinfer_fp4_quantize", ("quant",), _flashinfer_fp4,
        Needs(capability=_BLACKWELL, names=("flashinfer:fp4_quantize",)), precisions=FP4, jit=True,
    ),
    Implementation(
        "triton_quant_tensor", ("quant_tensor",), _triton_tensor,
        Needs(capability=(8, 9), names=("triton:jit",)), precisions=FP8, note="roofprof's own kernel",
    ),
    Implementation(
        "sgl_per_tensor_quant_fp8", ("quant_tensor",), _sgl_tensor,
        Needs(capability=(8, 9), names=("sgl_kernel:sgl_per_tensor_quant_fp8",)), precisions=FP8,
        note="takes a contiguous input, so the transposition is not in it",
    ),
    Implementation("torch", ("quant_tensor",), _torch_tensor, Needs(gpu=False), precisions=FP8),
)  # fmt: skip
