"""Implementations of ops, what each needs, and which one is chosen."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import OpSpec
from roofprof.harness.inputs.call import MakeCall
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.machine import Machine

ANY_PRECISION: frozenset[str] = frozenset()
FP4_CAPABILITY = (10, 0)


@dataclass(frozen=True, slots=True)
class Needs:
    """What must hold before an implementation may be called."""

    gpu: bool = True
    capability: tuple[int, int] = (0, 0)
    """Smallest compute capability."""
    below: tuple[int, int] | None = None
    """First compute capability that is too new."""
    names: tuple[str, ...] = ()
    """`module:attribute` of everything it calls that releases add or drop."""
    max_tokens: int | None = None
    """Largest M."""
    fits: Callable[[OpSpec], str | None] | None = None
    """Why a shape cannot be run, or None."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One way to run an op."""

    name: str
    formulas: tuple[str, ...]
    """Formulas of `layer_ops` that it serves."""
    make: MakeCall
    needs: Needs = field(default_factory=Needs)
    ops: tuple[str, ...] | None = None
    """The only ops that it serves, or None for every op of its formulas."""
    precisions: frozenset[str] = ANY_PRECISION
    """Precisions of the inputs that it takes; empty where the op has none."""
    absorbs: Callable[[str], tuple[str, ...]] | None = None
    """Ops whose work it does as well, so that they are left out."""
    goes_with: tuple[tuple[str, str], ...] = ()
    """(op, implementation) pairs that it needs beside it."""
    restate: Callable[[OpSpec, Counts], OpSpec] | None = None
    """The op as it really is, where the implementation does other work than the formula says."""
    jit: bool = False
    """Compiles at the first call, for up to minutes."""
    note: str | None = None

    @property
    def untested(self) -> bool:
        """Needs Blackwell, on which nothing here has run."""
        return self.needs.capability >= FP4_CAPABILITY

    def serves(self, spec: OpSpec) -> bool:
        """Whether it is for this op at all."""
        return spec.formula in self.formulas and (self.ops is None or spec.op in self.ops)


def why_not(implementation: Implementation, spec: OpSpec, machine: Machine) -> str | None:
    """Why an implementation cannot run an op on a machine, or None when it can."""
    precision, needs = spec.shape.get("precision"), implementation.needs
    if implementation.precisions and precision not in implementation.precisions:
        return f"it takes {' or '.join(sorted(implementation.precisions))}, not {precision}"
    if (why := machine.why_missing("torch:Tensor") or _why_not_here(implementation, needs, machine)) is not None:
        return why
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
    """The implementation chosen for an op; what else could have run is looked into when asked for."""

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

    Packages are imported no further than that takes: FlashInfer alone costs seconds.

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
        raise UsageError(f"{spec.op} has no implementation named {wanted!r}", f"it has {known or 'none'}")
    choice = Choice(named, spec, serving, machine)
    if (why := why_not(named, spec, machine)) is not None:
        can = ", ".join(i.name for i in choice.possible) or "nothing"
        raise RoofprofError(f"{spec.op} cannot run as {wanted} here: {why}", f"what can run: {can}")
    return choice
