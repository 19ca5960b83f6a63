"""Routed experts in NVFP4 by grouped kernels, for compute capability 10.0 and later."""

from dataclasses import dataclass, replace
from functools import partial

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.models import weight_bytes
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs
from roofprof.harness.inputs.quantised import (
    FP4_MAX,
    FP8_MAX,
    Fp4,
    fp4_activation,
    fp4_values,
    random_fp4_weight,
    swizzle_scales,
    unswizzle_scales,
)
from roofprof.harness.inputs.rotation import Rotated
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Output, Tensor
from roofprof.harness.ops.moe_gemm import by_expert, expert_ranges, grouped_sizes

_TILE_ROWS = 128  # each expert's block scales begin at a whole tile


@dataclass(frozen=True, slots=True)
class Fp4Experts:
    """Weights [n, k] of each expert."""

    packed: Tensor
    """[E, n, k/2] uint8."""
    scales: Tensor
    """[E, n, k/16] e4m3 in 128x4 tiles."""
    global_scales: Tensor
    """[E] fp32."""

    def one(self, expert: int) -> Fp4:
        """One expert's weight, scales in row order."""
        n, columns = self.scales.shape[1:]
        scales = unswizzle_scales(self.scales[expert], n, columns)
        return Fp4(self.packed[expert], scales, self.global_scales[expert : expert + 1])


def fp4_expert_weights(ctx: Context, n: int, k: int) -> Rotated[Fp4Experts]:
    """Random weights for the experts here."""
    import torch

    experts = len(ctx.routing.counts.rows_per_expert)

    def make() -> Fp4Experts:
        packed = ctx.empty(experts, n, k // 2, dtype=torch.uint8)
        scales = ctx.empty(experts, n, k // 16, dtype=torch.float8_e4m3fn)
        global_scales = ctx.empty(experts, dtype=torch.float32)
        for expert in range(experts):
            one = random_fp4_weight(n, k, ctx.device)
            packed[expert], scales[expert], global_scales[expert] = (
                one.packed,
                one.swizzled,
                one.global_scale[0],
            )
        return Fp4Experts(packed, scales, global_scales)

    return ctx.rotated(make, experts * weight_bytes(n, k, "fp4"))


def _tile_starts(ctx: Context) -> Tensor:
    """[E + 1] int32: where each expert's block scales begin."""
    import torch

    starts = [0]
    for rows in ctx.routing.counts.rows_per_expert:
        starts.append(starts[-1] + -(-rows // _TILE_ROWS) * _TILE_ROWS)
    return torch.tensor(starts, device=ctx.device, dtype=torch.int32)


def _tiled_by_expert(ctx: Context, x: Fp4) -> Tensor:
    """Block scales of sorted rows, each expert's in tiles of its own."""
    import torch

    return torch.cat([swizzle_scales(x.scales[first:end]) for _, first, end in expert_ranges(ctx)])


def _experts_quant(ctx: Context, spec: OpSpec, library: str) -> Call:
    """For gate_up it gathers the rows as well; for down they lie in order already."""
    import torch

    quantise, routing = find(f"{library}:scaled_fp4_experts_quant"), ctx.routing
    counts, gathers = routing.counts, spec.op == "quant_moe_gate_up"
    x = ctx.normal(counts.tokens if gathers else counts.rows, size(spec, "k"))
    experts, starts = len(counts.rows_per_expert), _tile_starts(ctx)
    global_scales = (FP8_MAX * FP4_MAX / x.float().abs().max()).expand(experts).contiguous()
    expert_map = routing.source_rows if gathers else None

    def run(step: int) -> Output:
        return quantise(x, global_scales, routing.offsets, starts, counts.per_token, expert_map=expert_map)

    def error(output: Output) -> float:
        """Share of bytes that differ from the reference's; the scales are checked by the GEMM that reads them."""
        rows = x[routing.source_rows.long()] if gathers else x
        expected = fp4_activation(rows).packed
        return float((output[0] != expected).to(torch.float32).mean())

    return Call(run, tuple, 2e-2, error=error)


def _group_mm(ctx: Context, spec: OpSpec, library: str, takes_device: bool) -> Call:
    import torch

    multiply = find(f"{library}:cutlass_fp4_group_mm")
    experts, rows, n, k = grouped_sizes(ctx, spec)
    x, weights = fp4_activation(ctx.normal(rows, k)), fp4_expert_weights(ctx, n, k)
    scales = _tiled_by_expert(ctx, x)
    alphas = [1 / (copy.global_scales * x.global_scale) for copy in weights.copies]
    problems = [[m, n, k] for m in ctx.routing.counts.rows_per_expert]
    parameters = {
        "ab_strides": torch.full((experts,), k, device=ctx.device, dtype=torch.int64),
        "c_strides": torch.full((experts,), n, device=ctx.device, dtype=torch.int64),
        "problem_sizes": torch.tensor(problems, device=ctx.device, dtype=torch.int32),
        "expert_offsets": ctx.routing.offsets[:-1],
        "blockscale_offsets": _tile_starts(ctx)[:-1],
    }

    def run(step: int) -> Output:
        w, alpha = weights.at(step), alphas[step % len(alphas)]
        if takes_device:
            return multiply(x.packed, w.packed, scales, w.scales, alpha, torch.bfloat16, ctx.device, params=parameters)
        return multiply(x.packed, w.packed, scales, w.scales, alpha, torch.bfloat16, params=parameters)

    def product(expert: int, part: slice) -> Tensor:
        return fp4_values(x)[part] @ fp4_values(weights.first.one(expert)).t()

    return Call(run, lambda: by_expert(ctx, rows, n, product), 2e-2)


def _sorted_rows(spec: OpSpec, counts: Counts) -> OpSpec:
    """It quantises sorted rows, 8 per token."""
    return replace(spec, shape={**spec.shape, "m": counts.rows})


def _permutes(op: str) -> tuple[str, ...]:
    return ("moe_permute",) if op == "quant_moe_gate_up" else ()


_SGL, _SGLANG = "sgl_kernel", "sglang.jit_kernel.nvfp4"
_fp4 = partial(Implementation, precisions=frozenset({"fp4"}))
_quant = partial(
    _fp4, formulas=("quant",), ops=("quant_moe_gate_up", "quant_moe_down"), order=-1, fuses=_permutes,
    actual_spec=_sorted_rows,
    note="gathers the rows, each read once for every expert that it goes to",
)  # fmt: skip

IMPLEMENTATIONS = (
    _quant(
        "scaled_fp4_experts_quant", make=partial(_experts_quant, library=_SGL),
        needs=Needs(capability=(10, 0), names=(f"{_SGL}:scaled_fp4_experts_quant",)),
    ),
    _quant(
        "sglang_scaled_fp4_experts_quant", make=partial(_experts_quant, library=_SGLANG), jit=True,
        needs=Needs(capability=(10, 0), names=(f"{_SGLANG}:scaled_fp4_experts_quant",)),
    ),
    _fp4(
        "cutlass_fp4_group_mm", ("moe_gemm",), partial(_group_mm, library=_SGL, takes_device=True),
        Needs(capability=(10, 0), names=(f"{_SGL}:cutlass_fp4_group_mm",)),
    ),
    _fp4(
        "sglang_cutlass_fp4_group_mm", ("moe_gemm",), partial(_group_mm, library=_SGLANG, takes_device=False),
        Needs(capability=(10, 0), names=(f"{_SGLANG}:cutlass_fp4_group_mm",)), jit=True,
    ),
)  # fmt: skip
