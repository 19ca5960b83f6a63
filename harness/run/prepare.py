"""Makes the calls of a case and warms them up, so that nothing but the ops runs in the profiled region."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roofprof.errors import RoofprofError
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.machine import Device, synchronise
from roofprof.harness.plan.choose import PlannedOp

_WARM_UP_CALLS = 2
Report = Callable[[str, str, int, int], None]
"""Called with the stage, the op, its index and how many there are."""


@dataclass(frozen=True, slots=True)
class ReadyOp:
    """An op that has run."""

    planned: PlannedOp
    range_name: str
    call: Call


def prepare_ops(ctx: Context, planned: Sequence[PlannedOp], report: Report) -> list[ReadyOp]:
    """Make every op's inputs and run it twice: compilation, autotuning and allocation happen here.

    Raises:
        RoofprofError: an op cannot be made or run; the message names it and its implementation.
    """
    runnable = [(p, p.implementation) for p in planned if p.not_run is None]
    ready = []
    for index, (op, implementation) in enumerate(runnable):
        if implementation is None:
            continue
        report("prepare", op.spec.op, index, len(runnable))
        try:
            call = op.make_call(ctx, implementation)
            for _ in range(_WARM_UP_CALLS):
                call.run(0)
            synchronise(ctx.device)
        except RoofprofError:
            raise
        except Exception as error:  # kernels raise anything
            raise RoofprofError(
                f"{op.spec.op} failed as {implementation.name}: {' '.join(str(error).split())[:300]}",
                f"choose another with --impl {op.spec.op}=NAME (see --list), or leave it out with --only",
            ) from error
        ready.append(ReadyOp(op, op.range_name(ctx.counts), call))
    return ready


def empty_l2(device: Device, l2_bytes: int) -> None:
    """Evict what warm-up left in the L2 cache."""
    if device == "cuda" and l2_bytes:
        import torch

        torch.zeros(3 * l2_bytes, device=device, dtype=torch.uint8)
        synchronise(device)
