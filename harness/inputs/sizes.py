"""Sizes from an op's shape, as integers."""

from roofprof.formulas.layer import OpSpec


def size(spec: OpSpec, letter: str) -> int:
    """A size by its letter."""
    return int(spec.shape[letter])


def gemm_sizes(spec: OpSpec) -> tuple[int, int, int]:
    """m, n, k."""
    return size(spec, "m"), size(spec, "n"), size(spec, "k")


def multiple_of(divisor: int, letter: str, spec: OpSpec) -> str | None:
    """Why a size is refused: it is not a multiple of the divisor. None when it is."""
    value = size(spec, letter)
    return f"{letter} {value} is not a multiple of {divisor}" if value % divisor else None
