"""The whole routed MoE in one call: FlashInfer's trtllm_fp4_block_scale_moe, for compute capability 10.0."""

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import HIDDEN, TOP_K, OpSpec
from roofprof.formulas.models import weight_bytes
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op, Weights
from roofprof.harness.inputs.quantised import Fp4, fp4_activation, fp4_values, swizzle_scales
from roofprof.harness.inputs.routing import GROUPS, GROUPS_KEPT, ROUTED_SCALE
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor
from roofprof.harness.ops.moe_fp4 import Fp4Experts, fp4_expert_weights

_DEEPSEEK_ROUTING = 2  # RoutingMethodType.DeepSeekV3
_EPILOGUE_TILE = 128
_GATE_UP_ROWS = "flashinfer.fused_moe.core:_maybe_get_cached_w3_w1_permute_indices"
_DOWN_ROWS = "flashinfer.fused_moe.core:get_w2_permute_indices_with_cache"

Permutation = Kernel


def _shuffled(weights: Fp4Experts, row_order: Permutation) -> Fp4Experts:
    """Rows in the order that the kernel's epilogue wants, by FlashInfer's own tables."""
    cache: dict[object, Tensor] = {}
    packed, scales = weights.packed.clone(), weights.scales.clone()
    for expert in range(packed.shape[0]):
        one = weights.one(expert)
        rows = row_order(cache, one.packed, _EPILOGUE_TILE)
        scale_rows = row_order(cache, one.scales.view(one.packed.dtype), _EPILOGUE_TILE, num_elts_per_sf=16)
        packed[expert] = one.packed[rows.to(one.packed.device)]
        plain = one.scales.view(one.packed.dtype)[scale_rows.to(one.packed.device)]
        scales[expert] = swizzle_scales(plain.view(one.scales.dtype))
    return Fp4Experts(packed, scales, weights.global_scales)


def _make(ctx: Context, spec: OpSpec) -> Call:
    """gate_up's rows are [up; gate]; the intermediate is quantised with a global scale of 1."""
    if ctx.case.ep > 1:
        raise RoofprofError("trtllm_fp4_block_scale_moe is set up for all experts on one GPU", "use --ep 1")
    moe, gate_up_rows, down_rows = (
        find("flashinfer:trtllm_fp4_block_scale_moe"),
        find(_GATE_UP_ROWS),
        find(_DOWN_ROWS),
    )
    routing, inter = ctx.routing, ctx.case.expert_inter
    experts = len(routing.counts.rows_per_expert)
    x = fp4_activation(ctx.normal(ctx.tokens, HIDDEN))
    gate_up, down = (
        fp4_expert_weights(ctx, 2 * inter, HIDDEN).first,
        fp4_expert_weights(ctx, HIDDEN, inter).first,
    )
    first, second = _shuffled(gate_up, gate_up_rows), _shuffled(down, down_rows)
    gate_scale = 1 / (gate_up.global_scales * x.global_scale)
    down_scale = 1 / down.global_scales

    def run(step: int) -> Output:
        return moe(
            routing_logits=routing.logits, routing_bias=routing.bias, hidden_states=x.packed,
            hidden_states_scale=x.scales, gemm1_weights=first.packed, gemm1_weights_scale=first.scales,
            gemm1_bias=None, gemm1_alpha=None, gemm1_beta=None, gemm1_clamp_limit=None, gemm2_weights=second.packed,
            gemm2_weights_scale=second.scales, gemm2_bias=None, output1_scale_scalar=gate_scale,
            output1_scale_gate_scalar=gate_scale, output2_scale_scalar=down_scale, num_experts=experts, top_k=TOP_K,
            n_group=GROUPS, topk_group=GROUPS_KEPT, intermediate_size=inter, local_expert_offset=0,
            local_num_experts=experts, routed_scaling_factor=ROUTED_SCALE, routing_method_type=_DEEPSEEK_ROUTING,
            do_finalize=True, enable_pdl=False,
        )[0]  # fmt: skip

    return Call(run, lambda: (_reference(ctx, x, gate_up, down),), 1e-1)


def _reference(ctx: Context, x: Fp4, gate_up: Fp4Experts, down: Fp4Experts) -> Tensor:
    """[M, 7168] fp32, the intermediate unquantised: its rounding is most of the tolerance."""
    import torch
    from torch.nn.functional import silu

    values, routing = fp4_values(x), ctx.routing
    out = torch.zeros(ctx.tokens, HIDDEN, device=ctx.device)
    for expert in range(gate_up.packed.shape[0]):
        tokens, slots = (routing.chosen == expert).nonzero(as_tuple=True)
        if tokens.numel():
            up, gate = (values[tokens] @ fp4_values(gate_up.one(expert)).t()).chunk(2, -1)
            rows = (silu(gate) * up) @ fp4_values(down.one(expert)).t()
            out.index_add_(0, tokens, rows * routing.weights[tokens, slots, None] * ROUTED_SCALE)
    return out


def _whole_moe(spec: OpSpec, counts: Counts) -> OpSpec:
    shape: Shape = {
        "m": counts.tokens, "i": int(spec.shape["n"]) // 2, "d": HIDDEN, "e": counts.hit, "t": counts.per_token,
        "precision": "fp4",
    }  # fmt: skip
    return OpSpec("moe_fused", "moe_fused", shape)


def _after_router(op: str) -> tuple[str, ...]:
    return (
        "topk", "moe_align", "moe_permute", "moe_silu_and_mul", "quant_moe_down", "moe_down", "moe_combine",
    )  # fmt: skip


def _weights(spec: OpSpec, counts: Counts) -> Weights:
    """The shuffled weights are held beside the plain ones."""
    i, d, precision = size(spec, "i"), size(spec, "d"), str(spec.shape["precision"])
    one = weight_bytes(2 * i, d, precision) + weight_bytes(d, i, precision)
    return Weights(size(spec, "e") * one, 2 * len(counts.rows_per_expert) * one)


OPS = (Op("moe_fused", _weights),)

IMPLEMENTATIONS = (
    Implementation(
        "trtllm_fp4_block_scale_moe", ("moe_gemm",), _make,
        Needs(
            capability=(10, 0), below=(12, 0),
            names=("flashinfer:trtllm_fp4_block_scale_moe", _GATE_UP_ROWS, _DOWN_ROWS),
        ),
        ops=("moe_gate_up",), precisions=frozenset({"fp4"}), order=1, fuses=_after_router,
        requires=(("quant_moe_gate_up", "flashinfer_fp4_quantize"),), actual_spec=_whole_moe, jit=True,
        note="from top-k to the weighted sum in one call",
    ),
)  # fmt: skip
