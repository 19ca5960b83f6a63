"""Sizes of tensors as programs print them: nested lists of whole numbers."""

import re
from collections.abc import Sequence
from math import prod

from roofprof.formulas.models import MAX_SIZE

Sizes = tuple[int, ...]
"""One tensor's; empty for a scalar or an argument that is none."""

_LISTS = re.compile(r"\[(?:\[[0-9, ]*\](?:, )?)*\]")
_INNER = re.compile(r"\[([0-9, ]*)\]")
_DIGITS = 18
"""Of the largest size that is taken for one."""


def list_of_lists(text: str, at: int) -> tuple[tuple[Sizes, ...], int] | None:
    """`[[8, 16384], []]` at a place of a text.

    Returns:
        The sizes, and where the list ends; None where none stands there, or not to its end.
    """
    match = _LISTS.match(text, at)
    if match is None:
        return None
    read = [sizes_of(inner) for inner in _INNER.findall(match[0][1:-1])]
    found = tuple(sizes for sizes in read if sizes is not None)
    return (found, match.end()) if len(found) == len(read) else None


def first_of_lists(text: str, at: int) -> Sizes | None:
    """The first inner list, also where the outer one is cut off."""
    match = _INNER.match(text, at + 1) if text.startswith("[[", at) else None
    return sizes_of(match[1]) if match else None


def sizes_of(inner: str) -> Sizes | None:
    """`8, 16384`; None where that is no list of sizes."""
    parts = inner.split(", ") if inner else []
    if any(not part.isdigit() or len(part) > _DIGITS for part in parts):
        return None
    return tuple(int(part) for part in parts)


def shown(sizes: Sizes) -> str:
    """`[8, 16384]`."""
    return f"[{', '.join(map(str, sizes))}]"


def rows_of(sizes: Sizes) -> int:
    """The rows of a tensor seen as a matrix: the product of all sizes but the last."""
    return prod(sizes[:-1])


def usable(values: Sequence[int]) -> bool:
    """Whether a formula can take these sizes: no empty tensor, nothing beyond what a float holds."""
    return all(0 < value <= MAX_SIZE for value in values)
