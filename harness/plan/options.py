"""The harness's own options beside those of the layer, and what they choose on this machine."""

from dataclasses import dataclass
from typing import Literal

from roofprof.formulas.layer import LayerCase
from roofprof.formulas.request import LayerRequest
from roofprof.harness.inputs.machine import Device, Machine
from roofprof.harness.plan.choose import PlannedOp, plan_case, recipe_for
from roofprof.options import option, with_default


@dataclass(frozen=True, slots=True)
class CaseOptions(LayerRequest):
    """What a process of the harness is to run, and where."""

    device: Device = option(  # noqa: RUF009 - a field, as dataclasses.field gives it
        "cuda", "Where to run; the CPU has few of the kernels.", "run", "verify", choices=("cuda", "cpu")
    )

    def cases_here(self, machine: Machine) -> list[LayerCase]:
        """The cases in the order in which they run, with the recipe that this machine can run."""
        return self.cases(recipe_for(self.recipe, machine))

    def plan(self, case: LayerCase, machine: Machine) -> list[PlannedOp]:
        """The plan of one case; an implementation wanted for another case's op is left out here."""
        here = self.implementations()
        if len(self.phases) > 1:
            ops = {p.spec.op for p in plan_case(case, machine, {}, None, self.variants)}
            here = {op: name for op, name in here.items() if op in ops or op.removeprefix("quant_") in ops}
        return plan_case(case, machine, here, self.only, self.variants)


@dataclass(frozen=True, slots=True)
class RunOptions(CaseOptions):
    """The options of `python -m roofprof.harness.run`."""

    repeats: int = with_default(LayerRequest, "repeats", 1)
    graph: bool = option(False, "Decode: replay the layer as a CUDA graph.", "run")
    profiler_range: Literal["case", "once"] = option(
        "case", "cudaProfilerStart and Stop around each case, or once from the first to the last.", "run",
        choices=("case", "once"),
    )  # fmt: skip
    json_out: str | None = option(
        None, "Write what ran: implementations, shapes, routing, versions.", "run", metavar="FILE"
    )
    progress: str | None = option(None, "Append one JSON line per event.", "run", metavar="FILE")
    list: bool = option(False, "Print ops, implementations and why others cannot run, as JSON.", "run")


@dataclass(frozen=True, slots=True)
class VerifyOptions(CaseOptions):
    """The options of `roofprof verify`."""

    all_impls: bool = option(False, "Every implementation that can run here, not only the chosen one.", "verify")
    timeout_s: float = option(
        120.0, "Seconds an op may take; five times that where it compiles.", "verify", flag="--timeout",
        metavar="SECONDS", above=0, unit="seconds",
    )  # fmt: skip
    json: bool = option(False, "Print the results as JSON.", "verify")
    child: int | None = option(None, "File descriptor for events.", "verify", hidden=True)
    first: int = option(0, "Number of checks to skip.", "verify", hidden=True)


def case_label(case: LayerCase) -> str:
    """Short name of a case, for messages."""
    return f"{case.phase} {case.batch}x{case.seq_len}"
