"""A name as read, and what the reading was asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from roofprof.formulas.range_names import Shape

Layers = Literal["folded", "each"]
"""Whether the layers of a model are one op, or each is its own."""


@dataclass(frozen=True, slots=True)
class ReadName:
    """One range's name."""

    key: str
    """Identity: the name without what differs from call to call; layer and step numbers stand as `{}`."""
    label: str
    """For people."""
    layer: int | None = None
    step: int | None = None
    """Number of the step, iteration or microbatch."""
    formula: str | None = None
    """Name of a formula in `models.FORMULAS`."""
    shape: Shape = field(default_factory=dict)
    """Sizes by the formula's letters; a precision only where the name says it; empty where unknown."""
    writer: str = "plain"


@dataclass(frozen=True, slots=True)
class Reading:
    """A name with what only the path needs."""

    name: ReadName
    op: str | None = None
    """Name of the op, where it is one of ours or of a known module; None where the label is the op's name."""
    detail: str | None = None
    """A longer label, for names whose labels are equal."""
    scope: str | None = None
    """Identity of the range as one around others, where that is less than `name.key`."""

    @property
    def op_name(self) -> str:
        """The op of a row whose innermost range this is."""
        return self.op if self.op is not None else self.name.label

    @property
    def detailed(self) -> str:
        """The longest label."""
        return self.detail or self.name.label

    @property
    def scope_key(self) -> str:
        """What it adds to the identity of the ranges in it."""
        return self.name.key if self.scope is None else self.scope


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader must know beside the name."""

    layers: Layers = "folded"
    domain: str | None = None
    """NVTX domain of the range, where known."""
    read: "Callable[[str, Asked], Reading] | None" = None

    def inner(self, name: str) -> Reading | None:
        """What a name says that another one holds: by any writer."""
        return self.read(name, self) if self.read else None
