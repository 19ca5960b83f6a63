"""Rows as columns, for a page that holds thousands of them: each name once, each repeated text once."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

Columns = dict[str, object]
"""Values by name: a list; `{"distinct": [...], "index": [...]}` where values repeat; None where all are unknown."""


def packed(values: Iterable[object]) -> object:
    """One column. Texts and lists that repeat are held once, with an index per row; state.js reads all three forms."""
    column = list(values)
    if all(value is None for value in column):
        return None
    if not any(isinstance(value, str | list) for value in column):
        return column
    places: dict[Hashable, int] = {}
    index = [places.setdefault(_key(value), len(places)) for value in column]
    if len(places) == len(column):
        return column
    distinct: list[object] = [None] * len(places)
    for value, place in zip(column, index, strict=True):
        distinct[place] = value
    return {"distinct": distinct, "index": index}


def columns_of(rows: Sequence[Mapping[str, object]], names: Iterable[str]) -> Columns:
    """Rows of the same fields, column by column."""
    return {name: packed(row[name] for row in rows) for name in names}


def _key(value: object) -> Hashable:
    """Equal for equal values alone: lists and mappings cannot be keys themselves."""
    return value if isinstance(value, str | None) else (type(value).__name__, repr(value))
