"""Bytes of activations and weights in each precision, block scales included."""

from roofprof.formulas.precisions import PRECISION, Precision
from roofprof.formulas.traced import ceil_div

MAX_SIZE = 1 << 53
"""Beyond this a float no longer holds every whole number."""


class ShapeError(ValueError):
    """A formula was given a shape that it cannot use."""


def activation_bytes(rows: float, k: float, precision: str) -> float:
    """Bytes of an activation [rows, k]: FP8 with an fp32 scale per 128, else those of `PRECISION`."""
    if precision == "fp8":
        return rows * k + 4 * rows * ceil_div(k, 128)
    return rows * k * plain_bytes(precision)


def weight_bytes(n: float, k: float, precision: str) -> float:
    """Bytes of a weight [n, k]: FP8 with an fp32 scale per 128x128 block, else those of `PRECISION`."""
    if precision == "fp8":
        return n * k + 4 * ceil_div(n, 128) * ceil_div(k, 128)
    return activation_bytes(n, k, precision)


def plain_bytes(precision: str) -> float:
    """Bytes of an element as `PRECISION` has them.

    Raises:
        ShapeError: a precision that is not known.
    """
    return known_precision(precision).element_bytes


def known_precision(name: str) -> Precision:
    """The precision of a name.

    Raises:
        ShapeError: a precision that is not known.
    """
    try:
        return PRECISION[name]
    except KeyError:
        known = ", ".join(PRECISION)
        raise ShapeError(f"unknown size of precision {name!r}; expected one of {known}") from None
