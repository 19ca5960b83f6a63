"""The kernels of a report as a frame: one row per launch, checked column by column where they come from a file."""

from collections.abc import Mapping
from typing import NoReturn

import polars as pl

from roofprof.field_errors import FieldError, wrong
from roofprof.launches.had import stated
from roofprof.launches.schema import HOW_STRUCT, LAUNCH_SCHEMA
from roofprof.validate import checked

_ANALYSED = ("l2_bytes", "dram_upper_bytes", "flop_count", "fp16_left_out_flop_count", "arithmetic_intensity")

KERNEL_SCHEMA = pl.Schema(
    [(name, dtype) for name, dtype in LAUNCH_SCHEMA.items() if name != "nvtx"]
    + [("nvtx_path", pl.List(pl.String())), ("op", pl.String()), ("rank", pl.Int64())]
    + [(name, pl.Float64()) for name in _ANALYSED]
)
"""One row per launch, in the order of reports and launches."""

_TYPES: dict[object, object] = {
    pl.String(): list[str | None],
    pl.Int64(): list[int | None],
    pl.Float64(): list[float | None],
    pl.List(pl.String()): list[list[str] | None],
    pl.List(pl.Int64()): list[list[int] | None],
    HOW_STRUCT: list[Mapping[str, str | None] | None],
}
_COLUMNS: dict[str, object] = {
    **{name: _TYPES[dtype] for name, dtype in KERNEL_SCHEMA.items()},
    "report": list[str], "launch_id": list[int], "kernel_name": list[str],
}  # fmt: skip
"""What each column holds; known of every launch are its report, id and name."""


def kernel_dicts(kernels: pl.DataFrame) -> list[dict[str, object]]:
    """Plain rows for JSON; `how` holds what is not a counter alone."""
    return [{**row, "how": stated(row["how"])} for row in kernels.to_dicts()]


def kernel_frame(rows: object) -> pl.DataFrame:
    """`KERNEL_SCHEMA` from plain rows; a column that no row has is null, as in files of earlier versions.

    Args:
        rows: what a file holds for `kernels`.

    Raises:
        FieldError: a value of another form, at a key such as `kernels[3].duration_ns`.
    """
    if not isinstance(rows, list):
        raise wrong(rows, "an array").inside("kernels")
    tables = [_table(row, number) for number, row in enumerate(rows)]
    series = []
    for name, dtype in KERNEL_SCHEMA.items():
        held = sum(name in row for row in tables)
        if 0 < held < len(tables):
            without = next(number for number, row in enumerate(tables) if name not in row)
            raise FieldError(" is missing", f"kernels[{without}].{name}")
        values = [row.get(name) for row in tables]
        try:
            checked(_COLUMNS[name], _distinct(values))
        except FieldError:
            _refuse(name, values)
        series.append(pl.Series(name, values, dtype=dtype, strict=False))
    return pl.DataFrame(series)


def _distinct(values: list[object]) -> list[object]:
    """Each value once, for most columns repeat themselves; 1 and true are two."""
    try:
        return [value for _, value in {(type(value), value) for value in values}]
    except TypeError:  # lists
        return values


def _refuse(name: str, values: list[object]) -> NoReturn:
    """Name the first value of a column that is not what it must be."""
    try:
        checked(_COLUMNS[name], values)
    except FieldError as error:
        row, _, item = error.key.partition("]")
        raise FieldError(error.problem, f"kernels{row}].{name}{item}") from None
    raise AssertionError(name)


def _table(row: object, number: int) -> Mapping[str, object]:
    if not isinstance(row, Mapping):
        raise wrong(row, "a table").inside(f"kernels[{number}]")
    return row
