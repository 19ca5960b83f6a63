"""The names of NVTX ranges around ops: the one place that writes and parses them.

A name carries the op's shape, so that a bare report is enough for the formula side:

    q_b_proj:gemm:m64:n24576:k1536:fp8:bf16
    op       formula   shape         precision of the inputs, then of the output

Letters, digits and `_ . : -` only: everything else is syntax in ncu's `--nvtx-include`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from roofprof.formulas.precisions import PRECISIONS as PRECISIONS

_LEGAL = re.compile(r"[A-Za-z0-9_.:-]+")
_NUMBER = re.compile(r"([a-z]+)(\d+)")

Shape = dict[str, int | float | str]
ShapeView = Mapping[str, int | float | str]
"""A shape that is only read."""


class RangeNameError(ValueError):
    """A range name outside the grammar; the text says where."""


@dataclass(frozen=True, slots=True)
class RangeName:
    """A parsed range name."""

    op: str
    """Canonical op name: the part before the first colon."""
    formula: str | None = None
    """Name of the formula in `models.FORMULAS`, or None for a plain name."""
    shape: Shape = field(default_factory=dict)
    """Shape letters to sizes, and `precision` and `output` to precisions."""

    def __str__(self) -> str:
        return format_range_name(self.op, self.formula, self.shape)


def format_range_name(op: str, formula: str | None = None, shape: Mapping[str, int | float | str] | None = None) -> str:
    """Write a range name.

    Raises:
        RangeNameError: a part holds a character that ncu's filter syntax reserves, or a size is not an integer.
    """
    parts = [op] if formula is None else [op, formula]
    for key, value in (shape or {}).items():
        if isinstance(value, str):
            continue
        if value != int(value):
            raise RangeNameError(f"size {key}={value} is not an integer")
        parts.append(f"{key}{int(value)}")
    parts += [str(shape[key]) for key in ("precision", "output") if shape and key in shape]
    name = ":".join(parts)
    if not _LEGAL.fullmatch(name):
        raise RangeNameError(f"{name!r} holds characters other than letters, digits and _ . : -")
    return name


def parse_range_name(name: str) -> RangeName:
    """Parse a range name.

    Raises:
        RangeNameError: the name is outside the grammar.
    """
    if not name:
        raise RangeNameError("the range has no name")
    if not _LEGAL.fullmatch(name):
        raise RangeNameError("the name holds characters other than letters, digits and _ . : -")
    op, *rest = name.split(":")
    if not op:
        raise RangeNameError("nothing stands before the first colon")
    if not rest:
        return RangeName(op)
    formula, *fields = rest
    return RangeName(op, formula, _parse_fields(fields))


def _parse_fields(fields: list[str]) -> Shape:
    shape: Shape = {}
    precisions: list[str] = []
    for text in fields:
        if text in PRECISIONS:
            precisions.append(text)
            continue
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise RangeNameError(f"field {text!r} is neither a letter with a size nor a precision")
        if match[1] in shape:
            raise RangeNameError(f"size {match[1]} is given twice")
        shape[match[1]] = int(match[2])
    if len(precisions) > 2:
        raise RangeNameError("more than two precisions: the first is the inputs', the second the output's")
    shape.update(zip(("precision", "output"), precisions, strict=False))
    return shape


TRUTH_FORMULA = "truth"
"""The pseudo-formula of a range whose name gives the exact counts of the kernels in it."""


CASE_FORMULA = "case"
"""The pseudo-formula of the range around a layer: `decode:case:b64:s4096` says phase, batch and length."""
