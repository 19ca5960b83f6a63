"""Bytes of activations and weights in each precision, block scales included."""

from roofprof.formulas.traced import ceil_div

_OUTPUT_BYTES = {"fp4": 0.5625, "fp8": 1, "bf16": 2, "fp16": 2, "fp32": 4}


MAX_SIZE = 1 << 53
"""Beyond this a float no longer holds every whole number."""


class ShapeError(ValueError):
    """A formula was given a shape that it cannot use."""


def activation_bytes(rows: float, k: float, precision: str) -> float:
    """Bytes of an activation [rows, k]: FP4 with an FP8 scale per 16, FP8 with an fp32 scale per 128."""
    if precision == "fp4":
        return rows * k * 0.5625
    if precision == "fp8":
        return rows * k + 4 * rows * ceil_div(k, 128)
    return rows * k * plain_bytes(precision)


def weight_bytes(n: float, k: float, precision: str) -> float:
    """Bytes of a weight [n, k]: FP4 with an FP8 scale per 16, FP8 with an fp32 scale per 128x128 block."""
    if precision == "fp8":
        return n * k + 4 * ceil_div(n, 128) * ceil_div(k, 128)
    return activation_bytes(n, k, precision)


def plain_bytes(precision: str) -> float:
    """Bytes of an element, scales aside.

    Raises:
        ShapeError: a precision without a size.
    """
    try:
        return _OUTPUT_BYTES[precision]
    except KeyError:
        known = ", ".join(_OUTPUT_BYTES)
        raise ShapeError(f"unknown size of precision {precision!r}; expected one of {known}") from None
