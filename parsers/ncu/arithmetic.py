"""Arithmetic on columns: a value per launch, NaN where it is unknown; None where no launch can have it.

numpy comes with the values: planning, in ncu_report's own process too, needs the standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from roofprof.parsers.ncu.forms import Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    """A value per launch, NaN where it is unknown."""
    Values = Mapping[str, Column]
    Reading = Callable[[Values], Column | None]
    """None where no launch can have the column."""


def formed(form: Form, whole: bool = True) -> Reading:
    """A count in one of its forms; `whole` where a product is one of integers again."""
    if form.metrics == form.factors and len(form.factors) == 1 and form.scale == 1.0:
        return metric(form.factors[0])

    def read(values: Values) -> Column | None:
        found: Column | None = None
        for factor in form.factors:
            value = values.get(factor)
            if value is None:
                return None
            found = value if found is None else found * value
        over = values.get(form.over) if form.over else None
        if found is None or (form.over and over is None):
            return None
        found = found * form.scale if over is None else found * form.scale / over
        return found.round() if whole else found

    return read


def unknown(_: Values) -> None:
    """No launch has it."""
    return None


def metric(name: str) -> Reading:
    """A metric as it stands."""
    return lambda values: values.get(name)


def scaled(reading: Reading, factor: float) -> Reading:
    """A reading times a number."""
    return lambda values: times(reading(values), factor)


def share(percent: str, whole: Reading) -> Reading:
    """A metric in percent of a reading."""
    return lambda values: times(product(values.get(percent), whole(values)), 0.01)


def summed(terms: Sequence[tuple[Reading | None, int]]) -> Reading:
    """A weighted sum of readings."""
    return lambda values: weighted_sum(values, terms)


def times(value: Column | None, factor: float) -> Column | None:
    """A column times a number."""
    return None if value is None else value * factor


def product(a: Column | None, b: Column | None) -> Column | None:
    """The product of two columns."""
    return None if a is None or b is None else a * b


def added(a: Column | None, b: Column | None) -> Column | None:
    """The sum of two columns."""
    return None if a is None or b is None else a + b


def largest(columns: Iterable[Column | None]) -> Column | None:
    """The largest of those that are known, launch by launch."""
    import numpy as np

    known = [column for column in columns if column is not None]
    return np.fmax.reduce(known) if known else None


def weighted_sum(values: Values, terms: Iterable[tuple[Reading | None, int]]) -> Column | None:
    """The sum of readings times their weights; None where one is."""
    total: Column | None = None
    for reading, weight in terms:
        value = reading(values) if reading else None
        if value is None:
            return None
        total = weight * value if total is None else total + weight * value
    return total
