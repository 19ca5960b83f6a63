"""How much memory a case's inputs take, before any of them is made."""

from collections.abc import Sequence

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import LayerCase
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.rotation import copies_needed
from roofprof.harness.plan.catalogue import op_of
from roofprof.harness.plan.choose import PlannedOp

_WORKSPACES_BYTES = 2 << 30  # CUDA context, kernels' workspaces, drafts of weights in fp32


def estimate_bytes(planned: Sequence[PlannedOp], counts: Counts, l2_bytes: int, steps: int) -> int:
    """Bytes held while the case runs: every op's inputs, outputs and rotated copies of its weights."""
    running = [op for op in planned if op.not_run is None]
    return int(_WORKSPACES_BYTES + sum(_op_bytes(op, counts, l2_bytes, steps) for op in running))


def _op_bytes(op: PlannedOp, counts: Counts, l2_bytes: int, steps: int) -> float:
    spec, implementation = op.actual_spec(counts), op.implementation
    weights = op_of(spec).weights(spec, counts)
    copies = copies_needed(weights.held_bytes, l2_bytes, steps) if weights.held_bytes else 0
    held = spec.work.dram_bytes - weights.read_bytes + copies * weights.held_bytes
    if implementation is not None and implementation.extra_bytes is not None:
        held += implementation.extra_bytes(spec, copies)
    return held


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
