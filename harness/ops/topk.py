"""The choice of experts: grouped with bias as DeepSeek-R1 does it, and the two ungrouped variants."""

from functools import partial

from roofprof.formulas.layer import EXPERTS, TOP_K, LayerCase, OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.routing import GROUPS, GROUPS_KEPT, ROUTED_SCALE, grouped_topk
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

_TOLERANCE = 2e-2  # one near tie decided otherwise among 1024 tokens is an error of 1.6 %


def _dense(ids: Tensor, weights: Tensor, experts: int) -> Tensor:
    """[M, experts] fp32: independent of the order of a token's experts."""
    import torch

    return torch.zeros(ids.shape[0], experts, device=ids.device).scatter_(1, ids.long(), weights.float())


def _call(spec: OpSpec, run: Kernel, expected: Kernel) -> Call:
    """`run()` and `expected()` give weights and ids, both [M, 8]."""
    experts = size(spec, "x")

    def dense(pair: Output) -> tuple[Tensor, ...]:
        weights, ids = pair
        return (_dense(ids, weights, experts),)

    return Call(lambda step: run(), lambda: dense(expected()), _TOLERANCE, results=dense)


def _grouped(ctx: Context, spec: OpSpec, choose: Kernel) -> Call:
    """`choose(logits [M, experts], bias [experts])`."""
    routing = ctx.routing
    return _call(spec, lambda: choose(routing.logits, routing.bias), lambda: (routing.weights, routing.chosen))


def _outputs(ctx: Context) -> tuple[Tensor, Tensor]:
    import torch

    return ctx.empty(ctx.tokens, TOP_K, dtype=torch.float32), ctx.empty(ctx.tokens, TOP_K, dtype=torch.int32)


def _fused_gate(ctx: Context, spec: OpSpec) -> Call:
    gate = find("sgl_kernel:moe_fused_gate")
    return _grouped(
        ctx, spec, lambda logits, bias: gate(logits, bias, GROUPS, GROUPS_KEPT, TOP_K, 0, ROUTED_SCALE, False)
    )


def _flashinfer(ctx: Context, spec: OpSpec) -> Call:
    topk = find("flashinfer.fused_moe:fused_topk_deepseek")
    weights, ids = _outputs(ctx)

    def choose(logits: Tensor, bias: Tensor) -> Output:
        topk(logits, bias, GROUPS, GROUPS_KEPT, TOP_K, 1.0, weights, ids, False)
        return weights, ids

    return _grouped(ctx, spec, choose)


def _torch_grouped(ctx: Context, spec: OpSpec) -> Call:
    def choose(logits: Tensor, bias: Tensor) -> Output:
        ids, weights = grouped_topk(logits, bias)
        return weights, ids

    return _grouped(ctx, spec, choose)


def _scores(op: str, logits: Tensor) -> Tensor:
    return logits.softmax(-1) if op == "topk_softmax" else logits.sigmoid()


def _best(op: str, logits: Tensor) -> tuple[Tensor, Tensor]:
    """The sigmoid variant renormalises, as its callers do."""
    weights, ids = _scores(op, logits).topk(TOP_K, -1)
    return (weights if op == "topk_softmax" else weights / weights.sum(-1, keepdim=True)), ids


def _sgl_plain(ctx: Context, spec: OpSpec, name: str) -> Call:
    topk, logits = find(f"sgl_kernel:{name}"), ctx.routing.logits
    weights, ids = _outputs(ctx)
    renormalise = spec.op == "topk_sigmoid"

    def run() -> Output:
        topk(weights, ids, logits, renormalise)
        return weights, ids

    return _call(spec, run, lambda: _best(spec.op, logits))


def _torch_plain(ctx: Context, spec: OpSpec) -> Call:
    logits = ctx.routing.logits
    return _call(spec, lambda: _best(spec.op, logits), lambda: _best(spec.op, logits))


def _group_size(spec: OpSpec) -> str | None:
    experts = size(spec, "x")
    return None if experts & (experts - 1) == 0 and experts <= 256 else f"it takes a power of 2, not {experts} experts"


def _counted(spec: OpSpec, counts: Counts) -> Shape:
    return {"x": counts.experts}


def _ungrouped(case: LayerCase) -> list[OpSpec]:
    """Other models' routing over as many experts."""
    if case.layer == "dense":
        return []
    sizes: Shape = {"m": case.tokens, "x": EXPERTS, "t": TOP_K}
    return [OpSpec(op, "topk_ungrouped", sizes) for op in ("topk_softmax", "topk_sigmoid")]


OPS = (Op("topk", counted=_counted), Op("topk_ungrouped", counted=_counted, variants=_ungrouped))

IMPLEMENTATIONS = (
    Implementation(
        "moe_fused_gate", ("topk",), _fused_gate, Needs(names=("sgl_kernel:moe_fused_gate",), fits=_group_size),
    ),
    Implementation(
        "flashinfer_fused_topk_deepseek", ("topk",), _flashinfer,
        Needs(capability=(8, 9), names=("flashinfer.fused_moe:fused_topk_deepseek",)), jit=True,
    ),
    Implementation("torch", ("topk",), _torch_grouped, Needs(gpu=False)),
    *(
        Implementation(
            name, ("topk_ungrouped",), partial(_sgl_plain, name=name), Needs(names=(f"sgl_kernel:{name}",)),
            ops=(name,), note="ungrouped: not DeepSeek-R1's routing",
        )
        for name in ("topk_softmax", "topk_sigmoid")
    ),
    Implementation("torch", ("topk_ungrouped",), _torch_plain, Needs(gpu=False)),
)  # fmt: skip
