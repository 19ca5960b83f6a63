"""What readers of an nsys export have in common, whatever the format: tables of integers and texts."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

Integers = NDArray[np.int64]

Run = Sequence[tuple[int, int]]
"""Some rows of a table that follow each other; what the numbers are is for the format to know."""

NULL = np.iinfo(np.int64).min
"""Stands for SQL's NULL in integer columns: no time, id or size of an export has this value."""


class NsysTables(Protocol):
    """An export opened for reading. A table that is absent has no columns and no rows."""

    @property
    def unreadable(self) -> Mapping[tuple[str, str], int]:
        """By table and column: how many of the values read so far were not integers, or not texts; read as null."""
        ...

    def table_names(self) -> frozenset[str]:
        """Every table of the export."""
        ...

    def columns(self, table: str) -> frozenset[str]:
        """Column names of a table; none where it is absent."""
        ...

    def integers(self, table: str, wanted: Sequence[str], run: Run | None = None) -> dict[str, Integers]:
        """The wanted columns in row order, NULL where null; a column that is absent is all NULL.

        Of all rows, or of one of the `runs`. `rowid` is the row's number, from 1. What is not an integer counts as
        `unreadable` anew where all rows are read, and is added where a run is.
        """
        ...

    def runs(self, table: str, rows: int) -> Sequence[Run]:
        """All rows of a table, about so many at a time."""
        ...

    def count(self, table: str) -> int:
        """Rows of a table; 0 where it is absent."""
        ...

    def texts(self, table: str, column: str) -> pl.Series:
        """A column of texts in row order, null where null or absent."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def absent(count: int) -> Integers:
    """A column that the export does not have."""
    return np.broadcast_to(np.int64(NULL), count)  # takes no memory, and cannot be written to


def nullable(values: Integers, dtype: pl.DataType | type[pl.DataType] = pl.Int64) -> pl.Series:
    """A polars column with nulls for NULL."""
    series = pl.Series(values)
    missing = values == NULL
    if missing.any():
        series = (
            series.set(pl.Series(missing), None)
            if not missing.all()
            else pl.repeat(None, len(values), dtype=pl.Int64, eager=True)
        )
    return series.cast(dtype)
