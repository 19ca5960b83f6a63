"""The absorbed products of MLA decode, one small matrix per head."""

from roofprof.formulas.layer import KV_LORA, NOPE, ROPE, OpSpec
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op, Weights
from roofprof.harness.inputs.quantised import Quantised, fp8_tensor
from roofprof.harness.inputs.sizes import gemm_sizes, size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor


def _operands(ctx: Context, spec: OpSpec) -> tuple[Tensor, int]:
    """[h, m, k] as the model has it, a transposed view, and the elements of one weight."""
    m, n, k = gemm_sizes(spec)
    h = size(spec, "h")
    width = NOPE + ROPE if spec.op == "q_nope_w_kc" else KV_LORA
    return ctx.normal(m, h, width)[..., :k].transpose(0, 1), h * n * k


def _weight(ctx: Context, spec: OpSpec) -> Tensor:
    """[h, k, n], stored [h, n, k]."""
    _, n, k = gemm_sizes(spec)
    return ctx.normal(size(spec, "h"), n, k, scale=k**-0.5).transpose(1, 2)


def _torch_bmm(ctx: Context, spec: OpSpec) -> Call:
    multiply = find("torch:bmm")
    x, elements = _operands(ctx, spec)
    weights = ctx.rotated(lambda: _weight(ctx, spec), 2 * elements)
    return Call(lambda step: multiply(x, weights.at(step)), lambda: (x.float() @ weights.first.float(),))


def _fp8_call(ctx: Context, spec: OpSpec, multiply: Kernel) -> Call:
    """The kernels read no strides: the input lies [h, m, k], the weight [h, n, k]."""
    import torch

    x, elements = _operands(ctx, spec)
    left = fp8_tensor(x.contiguous())

    def weight() -> Quantised:
        w = fp8_tensor(_weight(ctx, spec).transpose(1, 2).contiguous())
        return Quantised(w.values.transpose(1, 2), w.scales)

    weights = ctx.rotated(weight, elements)

    def run(step: int) -> Output:
        right = weights.at(step)
        return multiply(left.values, right.values, left.scales, right.scales, torch.bfloat16)

    def reference() -> tuple[Tensor, ...]:
        right = weights.first
        return ((left.values.float() * left.scales) @ (right.values.float() * right.scales),)

    return Call(run, reference, 2e-2)


def _sgl_fp8(ctx: Context, spec: OpSpec) -> Call:
    return _fp8_call(ctx, spec, find("sgl_kernel:bmm_fp8"))


def _flashinfer_fp8(ctx: Context, spec: OpSpec) -> Call:
    return _fp8_call(ctx, spec, find("flashinfer:bmm_fp8"))


def _weights(spec: OpSpec, counts: Counts) -> Weights:
    _, n, k = gemm_sizes(spec)
    one = size(spec, "h") * n * k * (1 if spec.shape["precision"] == "fp8" else 2)
    return Weights(one, one)


OPS = (Op("bmm", _weights),)

IMPLEMENTATIONS = (
    Implementation(
        "torch_bmm", ("bmm",), _torch_bmm, Needs(gpu=False, names=("torch:bmm",)), precisions=frozenset({"bf16"}),
    ),
    Implementation(
        "bmm_fp8", ("bmm",), _sgl_fp8, Needs(capability=(8, 9), names=("sgl_kernel:bmm_fp8",)),
        precisions=frozenset({"fp8"}),
    ),
    Implementation(
        "flashinfer_bmm_fp8", ("bmm",), _flashinfer_fp8, Needs(capability=(8, 9), names=("flashinfer:bmm_fp8",)),
        precisions=frozenset({"fp8"}), jit=True,
    ),
)  # fmt: skip
