"""The precisions that range names, ops files and formulas know: what an element takes, and which pipe multiplies it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Precision:
    """One precision of inputs or outputs."""

    element_bytes: float
    """With the scales that belong to the format; those of FP8 depend on whose they are, and formulas add them."""
    pipe: str
    """Where the products of such inputs are counted."""


PRECISION: Mapping[str, Precision] = {
    "fp4": Precision(0.5625, "tensor_fp4"),  # NVFP4: an FP8 scale each 16
    "mxfp4": Precision(0.53125, "tensor_fp4"),  # OCP MX: a power-of-two scale of one byte each 32
    "fp6": Precision(0.78125, "tensor_fp6"),  # OCP MX too
    "fp8": Precision(1, "tensor_fp8"),
    "mxfp8": Precision(1.03125, "tensor_fp8"),
    "bf16": Precision(2, "tensor_bf16"),
    "fp16": Precision(2, "tensor_fp16"),
    "tf32": Precision(4, "tensor_tf32"),
    "fp32": Precision(4, "fp32"),
    "fp64": Precision(8, "tensor_fp64"),
    "int8": Precision(1, "tensor_int8"),
    "int4": Precision(0.5, "tensor_int8"),  # there is no pipe of its own: Hopper runs it as int8, and counts it so
}
PRECISIONS = tuple(PRECISION)
