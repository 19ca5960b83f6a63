"""Grouped GEMMs of the routed experts in bf16 and FP8: each expert multiplies its own rows."""

from functools import partial
from itertools import pairwise

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.models import weight_bytes
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op, Weights
from roofprof.harness.inputs.quantised import (
    Quantised,
    fp8_activation,
    fp8_activation_values,
    fp8_weight_values,
    random_fp8_weight,
)
from roofprof.harness.inputs.rotation import Rotated
from roofprof.harness.inputs.sizes import multiple_of, size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

_WORKSPACE_BYTES = 32 << 20  # SGLang's 90,000 bytes are not enough for every schedule


def grouped_sizes(ctx: Context, spec: OpSpec) -> tuple[int, int, int, int]:
    """Experts here, rows over all of them, n, k."""
    counts = ctx.routing.counts
    return len(counts.rows_per_expert), counts.rows, size(spec, "n"), size(spec, "k")


def expert_ranges(ctx: Context) -> list[tuple[int, int, int]]:
    """(expert, first row, row after the last) of every expert that has rows."""
    ends = ctx.routing.offsets.tolist()
    return [(e, first, end) for e, (first, end) in enumerate(pairwise(ends)) if end > first]


def by_expert(ctx: Context, rows: int, n: int, product: Kernel) -> tuple[Tensor, ...]:
    """[rows, n] fp32 of `product(expert, slice of rows)`."""
    import torch

    out = torch.empty(rows, n, device=ctx.device)
    for expert, first, end in expert_ranges(ctx):
        out[first:end] = product(expert, slice(first, end))
    return (out,)


def _fp8_weights(ctx: Context, spec: OpSpec) -> Rotated[Quantised]:
    """[E, n, k] e4m3 and [E, n/128, k/128] fp32."""
    import torch

    experts, _, n, k = grouped_sizes(ctx, spec)

    def make() -> Quantised:
        values = ctx.empty(experts, n, k, dtype=torch.float8_e4m3fn)
        scales = ctx.empty(experts, n // 128, k // 128, dtype=torch.float32)
        for expert in range(experts):
            one = random_fp8_weight(n, k, ctx.device)
            values[expert], scales[expert] = one.values, one.scales
        return Quantised(values, scales)

    return ctx.rotated(make, experts * weight_bytes(n, k, "fp8"))


def _fp8_call(ctx: Context, spec: OpSpec, prepare: Kernel) -> Call:
    """`prepare(x, out)` gives what multiplies by one copy of the weights into out [rows, n]."""
    _, rows, n, k = grouped_sizes(ctx, spec)
    x, weights, out = (
        fp8_activation(ctx.normal(rows, k), column_major=False),
        _fp8_weights(ctx, spec),
        ctx.empty(rows, n),
    )
    multiply = prepare(x, out)

    def run(step: int) -> Tensor:
        multiply(weights.at(step))
        return out

    def product(expert: int, part: slice) -> Tensor:
        w = Quantised(weights.first.values[expert], weights.first.scales[expert])
        return fp8_activation_values(Quantised(x.values[part], x.scales[part])) @ fp8_weight_values(w).t()

    return Call(run, lambda: by_expert(ctx, rows, n, product), 2e-2)


def _problems(ctx: Context, spec: OpSpec) -> tuple[Tensor, Tensor, Tensor]:
    """Sizes [E, 3] int32 and the strides of a and b and of the output, [E] int64."""
    import torch

    experts, _, n, k = grouped_sizes(ctx, spec)
    sizes = torch.tensor([[rows, n, k] for rows in ctx.routing.counts.rows_per_expert], dtype=torch.int32)
    strides = [torch.full((experts,), stride, device=ctx.device, dtype=torch.int64) for stride in (k, n)]
    return sizes.to(ctx.device), strides[0], strides[1]


def _sgl_fp8(ctx: Context, spec: OpSpec) -> Call:
    import torch

    multiply = find("sgl_kernel:fp8_blockwise_scaled_grouped_mm")
    experts = grouped_sizes(ctx, spec)[0]
    sizes, stride_ab, stride_c = _problems(ctx, spec)
    pointers = [ctx.empty(experts, dtype=torch.int64) for _ in range(5)]
    layout_a, layout_b = (ctx.empty(experts, 5, dtype=torch.int32) for _ in range(2))
    workspace = ctx.empty(_WORKSPACE_BYTES, dtype=torch.uint8)
    firsts = ctx.routing.offsets[:-1]

    def prepare(x: Quantised, out: Tensor) -> Kernel:
        a_ptrs, b_ptrs, out_ptrs, a_scale_ptrs, b_scale_ptrs = pointers
        return lambda w: multiply(
            out, a_ptrs, b_ptrs, out_ptrs, a_scale_ptrs, b_scale_ptrs, x.values, w.values.transpose(1, 2), x.scales,
            w.scales.transpose(1, 2), stride_ab, stride_ab, stride_c, layout_a, layout_b, sizes, firsts, workspace,
        )  # fmt: skip

    return _fp8_call(ctx, spec, prepare)


def _sgl_es_fp8(ctx: Context, spec: OpSpec) -> Call:
    import torch

    multiply = find("sgl_kernel:es_fp8_blockwise_scaled_grouped_mm")
    sizes, stride_ab, stride_d = _problems(ctx, spec)
    workspace = ctx.empty(_WORKSPACE_BYTES, dtype=torch.uint8)
    firsts = ctx.routing.offsets[:-1]

    def prepare(x: Quantised, out: Tensor) -> Kernel:
        return lambda w: multiply(
            out, x.values, w.values.transpose(1, 2), x.scales, w.scales.transpose(1, 2), stride_ab, stride_ab,
            stride_d, sizes, firsts, workspace,
        )  # fmt: skip

    return _fp8_call(ctx, spec, prepare)


def _bf16_call(ctx: Context, spec: OpSpec, product: Kernel) -> Call:
    """`product(x [rows, k], w [E, n, k])` gives [rows, n]."""
    experts, rows, n, k = grouped_sizes(ctx, spec)
    x = ctx.normal(rows, k)
    weights = ctx.rotated(lambda: ctx.normal(experts, n, k, scale=k**-0.5), experts * weight_bytes(n, k, "bf16"))

    def one(expert: int, part: slice) -> Tensor:
        return x[part].float() @ weights.first[expert].float().t()

    return Call(lambda step: product(x, weights.at(step)), lambda: by_expert(ctx, rows, n, one), 2e-2)


def _torch_grouped(ctx: Context, spec: OpSpec) -> Call:
    grouped_mm, ends = find("torch:_grouped_mm"), ctx.routing.offsets[1:].contiguous()
    return _bf16_call(ctx, spec, lambda x, w: grouped_mm(x, w.transpose(1, 2), offs=ends))


def _torch_loop(ctx: Context, spec: OpSpec) -> Call:
    linear, ranges = find("torch.nn.functional:linear"), expert_ranges(ctx)
    out = ctx.empty(*(grouped_sizes(ctx, spec)[i] for i in (1, 2)))

    def product(x: Tensor, w: Tensor) -> Output:
        for expert, first, end in ranges:
            out[first:end] = linear(x[first:end], w[expert])
        return out

    return _bf16_call(ctx, spec, product)


def _weights(spec: OpSpec, counts: Counts) -> Weights:
    """The formula reads the experts hit; all those here are held."""
    one = weight_bytes(size(spec, "n"), size(spec, "k"), str(spec.shape["precision"]))
    return Weights(size(spec, "e") * one, len(counts.rows_per_expert) * one)


def _counted(spec: OpSpec, counts: Counts) -> Shape:
    return {"m": counts.tokens, "e": counts.hit, "t": counts.per_token}


def _fits_blocks(spec: OpSpec) -> str | None:
    return multiple_of(128, "n", spec) or multiple_of(128, "k", spec)


_HOPPER, _BLACKWELL = (9, 0), (10, 0)
_fp8 = partial(Implementation, formulas=("moe_gemm",), precisions=frozenset({"fp8"}))
_bf16 = partial(Implementation, formulas=("moe_gemm",), precisions=frozenset({"bf16"}))
_SGL, _ES = "sgl_kernel:fp8_blockwise_scaled_grouped_mm", "sgl_kernel:es_fp8_blockwise_scaled_grouped_mm"

OPS = (Op("moe_gemm", _weights, _counted),)

IMPLEMENTATIONS = (
    _fp8(
        "fp8_blockwise_scaled_grouped_mm", make=_sgl_fp8,
        needs=Needs(capability=_HOPPER, below=(12, 0), names=(_SGL,), fits=_fits_blocks),
    ),
    _fp8(
        "es_fp8_blockwise_scaled_grouped_mm", make=_sgl_es_fp8,
        needs=Needs(capability=_HOPPER, below=_BLACKWELL, names=(_ES,), fits=_fits_blocks),
    ),
    _bf16("torch_grouped_mm", make=_torch_grouped, needs=Needs(capability=(8, 0), names=("torch:_grouped_mm",))),
    _bf16(
        "torch_loop", make=_torch_loop, needs=Needs(gpu=False, names=("torch.nn.functional:linear",)),
        note="one product per expert, each copied to its place",
    ),
)  # fmt: skip
