"""What a case's inputs take, before any of them is made."""

from collections.abc import Sequence

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import LayerCase, OpSpec
from roofprof.formulas.models import LATENT, evaluate, weight_bytes
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.rotation import copies_needed
from roofprof.harness.ops.kv_cache import PAGE
from roofprof.harness.plan.choose import COLLECTIVES, PlannedOp

_WORKSPACES_BYTES = 2 << 30  # CUDA context, kernels' workspaces, drafts of weights in fp32


def estimate_bytes(planned: Sequence[PlannedOp], counts: Counts, l2_bytes: int, steps: int) -> int:
    """Bytes held while the case runs: every op's weights in as many copies as are rotated, inputs, outputs."""
    total = float(_WORKSPACES_BYTES)
    for op in planned:
        if op.not_run is None and op.spec.formula not in COLLECTIVES:
            total += _held(op.stated(counts), op, counts, l2_bytes, steps)
    return int(total)


def _held(spec: OpSpec, op: PlannedOp, counts: Counts, l2_bytes: int, steps: int) -> float:
    once, all_weights = _weights(spec, len(counts.rows_per_expert))
    copies = copies_needed(all_weights, l2_bytes, steps) if all_weights else 0
    held = evaluate(spec.formula, spec.shape).dram_bytes - once + copies * all_weights
    if op.implementation is not None and op.implementation.name == "torch" and spec.formula == "mla_decode":
        b, s, h = (int(spec.shape[letter]) for letter in "bsh")
        held += copies * all_weights + 8 * b * h * s  # the cache by sequence, the scores in fp32 and bf16
    if spec.formula == "mha_causal" and op.implementation is not None and op.implementation.name == "torch_sdpa":
        held += 2 * evaluate(spec.formula, spec.shape).dram_bytes
    return held


def _weights(spec: OpSpec, experts: int) -> tuple[float, float]:
    """Bytes of weights by the formula, each once, and of one copy as it is held."""
    shape, precision = spec.shape, str(spec.shape.get("precision", "bf16"))
    if spec.formula == "gemm":
        one = weight_bytes(_size(shape, "n"), _size(shape, "k"), precision)
        return one, one
    if spec.formula == "bmm":
        one = _size(shape, "h") * _size(shape, "n") * _size(shape, "k") * (1 if precision == "fp8" else 2)
        return one, one
    if spec.formula == "moe_gemm":
        one = weight_bytes(_size(shape, "n"), _size(shape, "k"), precision)
        return _size(shape, "e") * one, experts * one
    if spec.formula == "moe_fused":
        i, d = _size(shape, "i"), _size(shape, "d")
        one = weight_bytes(2 * i, d, precision) + weight_bytes(d, i, precision)
        return _size(shape, "e") * one, 2 * experts * one  # the shuffled weights beside the plain ones
    if spec.formula == "mla_decode":
        b, s = _size(shape, "b"), _size(shape, "s")
        return 2 * b * s * LATENT, 2 * b * -(-s // PAGE) * PAGE * LATENT
    return 0, 0


def _size(shape: Shape, letter: str) -> float:
    return float(shape[letter])


def require_memory(label: str, case: LayerCase, estimate: int, free_bytes: int | None) -> None:
    """Refuse a case that does not fit.

    Raises:
        RoofprofError: says the estimate, what is free, and which options shrink the case.
    """
    if free_bytes is None or estimate <= free_bytes:
        return
    remedies = ["--batch" if case.phase == "decode" else "--prefill-batch or --prefill-len", "--tp N"]
    remedies += ["--experts N", "--ep N"] if case.layer == "moe" else []
    raise RoofprofError(
        f"{label} needs about {estimate / 1e9:.1f} GB and {free_bytes / 1e9:.1f} GB are free",
        f"shrink it with {', '.join(remedies)}, or run part of it with --only",
    )
