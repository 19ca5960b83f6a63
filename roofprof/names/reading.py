"""One range's name and a whole path, read: what identifies them, and which layer and step they are of."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from roofprof.formulas.range_names import RangeName, RangeNameError, Shape, parse_range_name

_LAYER = re.compile(r"(?:^|(?<=[./]))(layers?|h|blocks)\.(\d+)(?=$|[./:])")
Layers = Literal["folded", "each"]


@dataclass(frozen=True, slots=True)
class ReadName:
    """One range's name."""

    key: str
    """Identity; layer and step numbers stand as `{}`."""
    label: str
    """Shown to people."""
    layer: int | None
    step: int | None
    formula: str | None
    shape: Shape
    """Sizes and precisions; empty where the name has none."""
    writer: str
    """`roofprof`, or `plain`."""


@dataclass(frozen=True, slots=True)
class ReadPath:
    """A whole NVTX path."""

    key: tuple[str, ...]
    """Keys of the parts that make its identity."""
    op: str
    """Name of its row."""
    layer: int | None
    step: int | None
    innermost: ReadName


def read_path(path: tuple[str, ...], domain: str | None = None, layers: Layers = "folded") -> ReadPath:
    """Read a path, outermost name first.

    Args:
        path: the names as they stand, at least one.
        domain: of the ranges.
        layers: `each` leaves layer numbers in the key.
    """
    names = [_read(name, layers) for name in path]
    inner = names[-1]
    layer = next((name.layer for name in reversed(names) if name.layer is not None), None)
    return ReadPath(tuple(name.key for name in names), _op(path[-1], inner), layer, None, inner)


@lru_cache(maxsize=1 << 16)
def _read(name: str, layers: Layers) -> ReadName:
    found = _LAYER.search(name)
    layer = int(found[2]) if found else None
    key = _LAYER.sub(r"\1.{}", name) if layers == "folded" else name
    own = _own(name)
    if own is None:
        return ReadName(key, key, layer, None, None, {}, "plain")
    return ReadName(key, key, layer, None, own.formula, own.shape, "roofprof")


def _own(name: str) -> RangeName | None:
    """The name as ours: it parses, and what follows a colon says a size or a precision."""
    try:
        found = parse_range_name(name)
    except RangeNameError:
        return None
    return found if found.formula is None or found.shape else None


def _op(name: str, read: ReadName) -> str:
    """What stands before the first colon of a name of ours; any other name whole."""
    return read.key.split(":", 1)[0] if read.writer == "roofprof" else read.label
