"""How the values of launches, calls and merged launches were had, where no counter of their own gave them."""

from collections.abc import Iterator

import polars as pl

from roofprof.launches.how import HOW
from roofprof.launches.schema import HOW_COLUMNS, RAW_FLOP_COLUMNS

_SUMS = {
    "flop_count": RAW_FLOP_COLUMNS,
    "l2_bytes": ("l2_read_bytes", "l2_write_bytes"),
    "dram_upper_bytes": ("dram_read_bytes", "dram_write_bytes", "l2_write_bytes"),
}
"""Columns of a call that are made of others."""
_CODES = {how: code for code, how in enumerate(HOW)}
_NAMES = dict(enumerate(HOW))


def _code(column: str) -> pl.Expr:
    return pl.col("how").struct.field(column).replace_strict(_CODES, default=None, return_dtype=pl.Int8)


def furthest_of_launches() -> Iterator[pl.Expr]:
    """Aggregations of a call's launches: of each column the way that is furthest from a counter."""
    return (_code(column).max().alias(f"_how_{column}") for column in HOW_COLUMNS)


def with_call_how(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls with `how`, of their columns that are known: made of `furthest_of_launches`, which are taken out."""
    codes = {column: pl.col(f"_how_{column}") for column in HOW_COLUMNS}
    codes |= {column: pl.max_horizontal(*(codes[part] for part in parts)) for column, parts in _SUMS.items()}
    held = [
        pl.when(pl.col(column).is_not_null()).then(code.replace_strict(_NAMES, default=None, return_dtype=pl.String))
        .alias(column)
        for column, code in codes.items() if column in calls.columns
    ]  # fmt: skip
    return calls.with_columns(pl.struct(held).alias("how")).drop(f"_how_{column}" for column in HOW_COLUMNS)


def merged(first: str = "how", other: str = "how_other") -> pl.Expr:
    """`how` of launches whose unknown values were filled from another report's, columns of which end in `_other`."""
    fields = (
        pl.when(pl.col(column).is_not_null()).then(pl.col(first).struct.field(column))
        .otherwise(pl.col(other).struct.field(column)).alias(column)
        for column in HOW_COLUMNS
    )  # fmt: skip
    return pl.struct(fields).alias("how")


def stated(how: object) -> dict[str, str]:
    """What a row's `how` says, columns that are counters left out."""
    return {str(key): str(value) for key, value in how.items() if value} if isinstance(how, dict) else {}
