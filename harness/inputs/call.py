"""A call of an op: inputs made, ready to run, with a float32 reference to check against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from roofprof.formulas.layer import OpSpec
from roofprof.harness.inputs.tensors import Output, Tensor

if TYPE_CHECKING:
    from roofprof.harness.inputs.context import Context

MakeCall: TypeAlias = "Callable[[Context, OpSpec], Call]"


def _only_output(output: Output) -> Sequence[Tensor]:
    return (output,)


@dataclass(frozen=True, slots=True)
class Call:
    """One op with its inputs. Running it launches the op's own kernels and nothing else."""

    run: Callable[[int], Output]
    """Runs the op; the step says which copy of the weights it reads."""
    reference: Callable[[], Sequence[Tensor]]
    """The results in float32, from the same inputs."""
    tolerance: float = 1e-2
    """Largest relative Frobenius error."""
    results: Callable[[Output], Sequence[Tensor]] = _only_output
    """What to compare, from the output of `run`."""
    error: Callable[[Output], float] | None = None
    """The error, from the output of `run`, where comparing element by element is not the right check."""


def error_of(call: Call, output: Output) -> float:
    """Relative Frobenius error of an output, the largest of several; infinite when it is not a number.

    Raises:
        ValueError: a result has another shape than its reference.
    """
    if call.error is not None:
        return call.error(output)
    pairs = zip(call.results(output), call.reference(), strict=True)
    return max(relative_error(got, wanted) for got, wanted in pairs)


def relative_error(got: Tensor, wanted: Tensor) -> float:
    """||got - wanted|| / ||wanted|| in float32."""
    if got.shape != wanted.shape:
        raise ValueError(f"the result is {list(got.shape)}, the reference {list(wanted.shape)}")
    difference = (got.float() - wanted.float()).norm() / wanted.float().norm().clamp(min=1e-30)
    error = float(difference)
    return error if error == error else float("inf")
