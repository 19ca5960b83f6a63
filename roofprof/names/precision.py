"""The precision of an op whose name does not say it: what the tensor pipes ran, by the counters."""

from collections.abc import Mapping

from roofprof.formulas.models import defaults_of
from roofprof.formulas.range_names import PRECISIONS, Shape, ShapeView

_TENSOR = "tensor_"


def precision_from_work(flop_by_pipe: Mapping[str, float | None]) -> str | None:
    """The precision in which the tensor pipes executed most FLOPs.

    Args:
        flop_by_pipe: executed FLOPs by pipe, `tensor_bf16` and so on; None or missing where not counted.

    Returns:
        None where no tensor pipe is known to have run: an op of the CUDA cores has no precision that a formula takes.
    """
    counted = {p: flop_by_pipe.get(f"{_TENSOR}{p}") or 0 for p in PRECISIONS}
    best = max(counted, key=counted.__getitem__)
    return best if counted[best] > 0 else None


def lacks_precision(formula: str, shape: ShapeView) -> bool:
    """Whether the formula takes a precision that the shape does not give: then the default would be a guess."""
    return "precision" in defaults_of(formula) and "precision" not in shape


def complete_shape(shape: ShapeView, precision: str | None) -> Shape:
    """The shape with the precision, where it has none of its own.

    Args:
        shape: sizes as a name gives them.
        precision: from `precision_from_work`; None leaves the shape as it is.
    """
    completed = dict(shape)
    if precision is not None:
        completed.setdefault("precision", precision)
    return completed
