"""The checks of a verification, one op in one implementation each, and how one is done."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from roofprof.formulas.layer import LayerCase
from roofprof.harness.inputs.call import error_of
from roofprof.harness.inputs.context import Context, InputOptions
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.inputs.machine import Machine, synchronise
from roofprof.harness.inputs.op import Implementation
from roofprof.harness.inputs.ranges import case_range
from roofprof.harness.plan.choose import NEEDS_RANKS, PlannedOp
from roofprof.harness.plan.memory import estimate_bytes, require_memory
from roofprof.harness.plan.options import CaseOptions, case_label
from roofprof.harness.plan.record import UNTESTED

Verdict = Literal["ok", "WRONG", "FAIL", "skip"]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check."""

    case: str
    """Range name of the case."""
    op: str
    implementation: str | None
    verdict: Verdict
    error: float | None = None
    """Relative Frobenius error against the float32 reference."""
    tolerance: float | None = None
    why: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Task:
    """One check to do."""

    case: LayerCase
    planned: PlannedOp
    implementation: Implementation | None

    def result(self, verdict: Verdict, why: str | None = None, **numbers: float) -> Result:
        """A result of this task."""
        name = self.implementation.name if self.implementation else None
        return Result(case_range(self.case), self.planned.spec.op, name, verdict, why=why, **numbers)

    @property
    def limit_factor(self) -> int:
        """By what the time limit is multiplied: compiling takes minutes."""
        return 5 if self.implementation is not None and self.implementation.jit else 1


def list_tasks(options: CaseOptions, machine: Machine, all_impls: bool) -> list[Task]:
    """Every check, in the order in which they are done."""
    return [task for case in options.cases_here(machine) for task in _case_tasks(options, case, machine, all_impls)]


def _case_tasks(options: CaseOptions, case: LayerCase, machine: Machine, all_impls: bool) -> Iterator[Task]:
    for planned in options.plan(case, machine):
        if planned.not_run == NEEDS_RANKS or (planned.fused_into and not all_impls):
            yield Task(case, planned, None)
        elif all_impls and planned.choice.possible:
            for implementation in planned.choice.possible:
                yield Task(case, planned, implementation)
        else:
            yield Task(case, planned, planned.implementation)


class Checker:
    """Does tasks one by one, with the routing of a case kept between them."""

    def __init__(self, options: CaseOptions, machine: Machine) -> None:
        self._options = options
        self._machine = machine
        self._context: Context | None = None

    def check(self, task: Task) -> Result:
        """Run one op once on fresh inputs and compare it with its reference."""
        if task.implementation is None:
            return task.result("skip", task.planned.not_run)
        try:
            return self._checked(task, task.implementation)
        except Exception as error:  # kernels raise anything, and one failure must not hide the others
            return task.result("FAIL", " ".join(f"{type(error).__name__}: {error}".split())[:300])

    def _checked(self, task: Task, implementation: Implementation) -> Result:
        import torch

        self._require_memory(task)
        ctx = self._context_of(task.case)
        with torch.no_grad():
            call = task.planned.make_call(ctx, implementation)
            output = call.run(0)
            synchronise(ctx.device)
            error = error_of(call, output)
        why = UNTESTED if implementation.untested else None
        return task.result("ok" if error <= call.tolerance else "WRONG", why, error=error, tolerance=call.tolerance)

    def _context_of(self, case: LayerCase) -> Context:
        if self._context is None or self._context.case != case:
            options = self._options
            self._context = Context(case, InputOptions(options.device, options.seed, options.skew, options.experts))
        return self._context

    def _require_memory(self, task: Task) -> None:
        alone = PlannedOp(task.planned.spec, replace(task.planned.choice, implementation=task.implementation))
        needed = estimate_bytes([alone], expected_counts(task.case, self._options.experts), 0, 1)
        require_memory(case_label(task.case), task.case, needed, self._machine.free_bytes)


def free_memory(device: str) -> None:
    """Give the last task's tensors back.

    Raises:
        RuntimeError: the GPU's context is dead.
    """
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def worst(results: Sequence[Result]) -> bool:
    """Whether any check failed."""
    return any(result.verdict in ("WRONG", "FAIL") for result in results)
