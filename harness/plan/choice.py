"""Which implementation of an op runs on a machine, and why the others cannot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import OpSpec
from roofprof.harness.inputs.machine import Machine
from roofprof.harness.inputs.op import FP4_CAPABILITY, Implementation, Needs


def why_not(implementation: Implementation, spec: OpSpec, machine: Machine) -> str | None:
    """Why an implementation cannot run an op on a machine, or None when it can."""
    precision, needs = spec.shape.get("precision"), implementation.needs
    if implementation.precisions and precision not in implementation.precisions:
        return f"it takes {' or '.join(sorted(implementation.precisions))}, not {precision}"
    if (why := machine.why_missing("torch:Tensor") or _why_not_here(implementation, needs, machine)) is not None:
        return why
    if needs.ranks and machine.ranks == 1:
        return "it needs several GPUs"
    tokens = spec.shape.get("m")
    if needs.max_tokens is not None and isinstance(tokens, int | float) and tokens > needs.max_tokens:
        return f"it takes at most {needs.max_tokens} tokens"
    if needs.fits is not None and (why := needs.fits(spec)) is not None:
        return why
    return next((why for name in needs.names if (why := machine.why_missing(name)) is not None), None)


def _why_not_here(implementation: Implementation, needs: Needs, machine: Machine) -> str | None:
    fp4 = "fp4" in implementation.precisions
    if (needs.gpu or fp4) and machine.capability is None:
        return "it needs a GPU"
    if machine.capability is None:
        return None
    # FlashInfer's fp4_quantize runs on smaller GPUs without an error and leaves its output unwritten
    if fp4 and machine.capability < FP4_CAPABILITY:
        return f"FP4 needs compute capability 10.0 or more, this is {_text(machine.capability)}"
    if machine.capability < needs.capability:
        return f"it needs compute capability {_text(needs.capability)} or more, this is {_text(machine.capability)}"
    if needs.below is not None and machine.capability >= needs.below:
        return f"it needs a compute capability below {_text(needs.below)}, this is {_text(machine.capability)}"
    return None


def _text(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The implementation chosen for an op. Whether the others could run is found out only when asked for."""

    implementation: Implementation | None
    spec: OpSpec
    serving: tuple[Implementation, ...]
    """All that are for this op, best first."""
    machine: Machine

    @property
    def refused(self) -> Mapping[str, str]:
        """Name to reason, of those that cannot run here."""
        reasons = {i.name: why_not(i, self.spec, self.machine) for i in self.serving}
        return {name: why for name, why in reasons.items() if why is not None}

    @property
    def possible(self) -> tuple[Implementation, ...]:
        """Those that can run here, best first."""
        refused = self.refused
        return tuple(i for i in self.serving if i.name not in refused)


def choose(spec: OpSpec, candidates: Iterable[Implementation], machine: Machine, wanted: str | None = None) -> Choice:
    """The first implementation that can run the op, or the wanted one.

    Packages are imported only as far as that takes: FlashInfer alone costs seconds.

    Raises:
        UsageError: no implementation of the op has the wanted name.
        RoofprofError: the wanted one cannot run here.
    """
    serving = tuple(i for i in candidates if i.serves(spec))
    if wanted is None:
        first = next((i for i in serving if why_not(i, spec, machine) is None), None)
        return Choice(first, spec, serving, machine)
    named = next((i for i in serving if i.name == wanted), None)
    if named is None:
        known = ", ".join(i.name for i in serving)
        raise UsageError(f"unknown implementation {wanted!r} of {spec.op}", f"it has {known or 'none'}")
    choice = Choice(named, spec, serving, machine)
    if (why := why_not(named, spec, machine)) is not None:
        can = ", ".join(i.name for i in choice.possible) or "nothing"
        raise RoofprofError(f"{spec.op} cannot run as {wanted} here: {why}", f"what can run: {can}")
    return choice
