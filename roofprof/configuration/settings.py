"""The keys of a config file, and what each may hold; docs/configuration.md explains them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated

from roofprof.changes.gated import GATED
from roofprof.field_errors import FieldError, wrong
from roofprof.options import percentage
from roofprof.validate import Bounds, built

Value = str | float | None


@dataclass(frozen=True, slots=True)
class GateSettings:
    """The table [gate]: what `diff` and `baseline diff` check. None: not in the file."""

    threshold: str | float | None = None
    on: Annotated[str | None, Bounds(values=tuple(GATED))] = None
    only: str | None = None

    @property
    def fraction(self) -> float | None:
        """The threshold as a fraction, 0.03 for 3 %; None without one."""
        return None if self.threshold is None else percentage(str(self.threshold))


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole file. None: not in the file."""

    gpu: str | None = None
    ops: str | None = None
    ceilings: str | None = None
    gate: GateSettings = field(default_factory=GateSettings)

    def items(self) -> Iterator[tuple[str, Value]]:
        """Every key that there is, with what the file says: `gpu`, `gate.threshold`."""
        return _items(self)


def _items(table: object, prefix: str = "") -> Iterator[tuple[str, Value]]:
    assert is_dataclass(table)
    for key in fields(table):
        value = getattr(table, key.name)
        if is_dataclass(value):
            yield from _items(value, f"{key.name}.")
        else:
            yield f"{prefix}{key.name}", value


def settings_of(table: Mapping[str, object]) -> Settings:
    """The settings in a parsed file.

    Raises:
        FieldError: an unknown key, with the nearest one; a value that is not what its key takes.
    """
    found = built(Settings, table, refuse_unknown=True)
    gate = found.gate
    if gate.threshold is not None and gate.fraction is None:
        raise wrong(gate.threshold, "a percentage below 100, such as '3%'").inside("threshold").inside("gate")
    try:
        re.compile(gate.only or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise FieldError(f" = {gate.only!r:.60}: invalid regular expression: {error}", "gate.only") from None
    return found
