"""The columns that a launch's histograms of opcodes fill, where it holds no counter for them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from roofprof.hardware.opcodes import WARP_OPCODES, OpcodeWork
from roofprof.parsers.ncu.columns import Plan

Column = NDArray[np.float64]


def opcode_columns(plan: Plan, opcodes: Sequence[OpcodeWork | None]) -> dict[str, Column]:
    """The columns that histograms fill; a pipe that an opcode without a shape may have used is unknown."""

    def column(value: Callable[[OpcodeWork], float]) -> Column:
        return np.array([np.nan if work is None else value(work) for work in opcodes], np.float64)

    def flops(pipe: str, else_: float = 0.0) -> Callable[[OpcodeWork], float]:
        def value(work: OpcodeWork) -> float:
            return np.nan if any(pipe in pipes for pipes in work.unknown.values()) else work.flops.get(pipe, else_)

        return value

    found: dict[str, Column] = {f"{pipe}_flop_count": column(flops(pipe)) for pipe in plan.opcode_pipes}
    for pipe in dict.fromkeys(pipe for work in opcodes if work for pipe in work.flops):
        if pipe.startswith("tensor_") and pipe not in plan.counted_pipes and f"{pipe}_flop_count" not in found:
            found[f"{pipe}_flop_count"] = column(flops(pipe, else_=np.nan))
    if plan.how.get("half_instruction_count") == "opcodes":
        found["half_instruction_count"] = column(lambda work: work.half_instructions)
        found["half_move_count"] = column(lambda work: work.half_moves)
    return found


def uncounted_opcodes(plan: Plan, work: OpcodeWork | None) -> str | None:
    """Opcodes of tensor work that neither their name nor a counter gives the FLOPs of; None where there are none."""
    if work is None or WARP_OPCODES not in plan.histograms:
        return None
    names = [name for name, pipes in work.unknown.items() if not pipes or not plan.counted_pipes.issuperset(pipes)]
    return ", ".join(sorted(names)) or None
