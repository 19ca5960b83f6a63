"""What a module of `harness/ops` declares: its ops, and the implementations that run them.

`OPS` holds an `Op` for each formula that has weights, sizes decided by routing, or variants; the others need none.
`IMPLEMENTATIONS` holds the ways to run ops. The catalogue finds the modules automatically (docs/extending/op.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from roofprof.formulas.layer import LayerCase, OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import MakeCall
from roofprof.harness.inputs.counts import Counts

ANY_PRECISION: frozenset[str] = frozenset()
FP4_CAPABILITY = (10, 0)


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of an op's weights, or of a cache that is rotated like them."""

    read_bytes: float = 0
    """What one call reads by the formula."""
    held_bytes: float = 0
    """One copy as it lies in memory: all experts, whole pages."""


def _no_weights(spec: OpSpec, counts: Counts) -> Weights:
    return Weights()


def _nothing_counted(spec: OpSpec, counts: Counts) -> Shape:
    return {}


def _no_variants(case: LayerCase) -> Sequence[OpSpec]:
    return ()


@dataclass(frozen=True, slots=True)
class Op:
    """What planning must know of the ops of one formula, whatever implementation runs them."""

    formula: str
    weights: Callable[[OpSpec, Counts], Weights] = _no_weights
    """Memory of its weights."""
    counted: Callable[[OpSpec, Counts], Shape] = _nothing_counted
    """The sizes that routing decides, such as the experts hit, in place of those that `layer_ops` expects."""
    variants: Callable[[LayerCase], Sequence[OpSpec]] = _no_variants
    """Ops outside the layer that `--variants` adds to a case."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an implementation requires of the machine and the shape."""

    gpu: bool = True
    ranks: bool = False
    """Several processes, one a GPU."""
    capability: tuple[int, int] = (0, 0)
    """Minimum compute capability."""
    below: tuple[int, int] | None = None
    """First compute capability that is too new."""
    names: tuple[str, ...] = ()
    """`module:attribute` of everything it calls that releases add or drop."""
    max_tokens: int | None = None
    """Maximum M."""
    fits: Callable[[OpSpec], str | None] | None = None
    """Why a shape cannot be run, or None."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One way to run an op."""

    name: str
    formulas: tuple[str, ...]
    """Formulas whose ops it runs."""
    make: MakeCall
    needs: Needs = field(default_factory=Needs)
    ops: tuple[str, ...] | None = None
    """The only ops that it runs, or None for every op of its formulas."""
    precisions: frozenset[str] = ANY_PRECISION
    """Precisions of the inputs that it takes; empty where the op has none."""
    order: int = 0
    """Lower is tried first. Equal ones keep the order of the modules' names, then that within a module."""
    fuses: Callable[[str], tuple[str, ...]] | None = None
    """Given the op that it runs: the other ops that the same kernels do, which are then left out."""
    requires: tuple[tuple[str, str], ...] = ()
    """(op, implementation) pairs that must run beside it."""
    actual_spec: Callable[[OpSpec, Counts], OpSpec] | None = None
    """The op as it really runs, where its work differs from the formula's."""
    extra_bytes: Callable[[OpSpec, int], float] | None = None
    """Memory beyond inputs, outputs and weights, given the number of copies of the weights."""
    jit: bool = False
    """Compiles at the first call, for up to minutes."""
    note: str | None = None

    @property
    def untested(self) -> bool:
        """Whether it needs Blackwell, on which it has not been run."""
        return self.needs.capability >= FP4_CAPABILITY

    def serves(self, spec: OpSpec) -> bool:
        """Whether it is for this op at all."""
        return spec.formula in self.formulas and (self.ops is None or spec.op in self.ops)
