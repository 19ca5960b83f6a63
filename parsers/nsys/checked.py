"""An nsys export held against its layout: what is missing or cannot be is null, counted, and said."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roofprof.errors import ReportError
from roofprof.findings import Finding, Severity
from roofprof.formats.nsys import API_TABLES, GPU_TABLES, KERNELS, STRINGS
from roofprof.parsers.nsys.layout import LAYOUT, MAX_NAME, Column, Values
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables, Run

_HINT = "export the .nsys-rep again, with the nsys that recorded it: nsys export --force-overwrite true"
_NO_ID = 0xFFFFFF


class CheckedTables:
    """The tables of an export; values that a column cannot hold are read as null.

    Raises:
        ReportError: a table lacks a column without which nothing can be said.
    """

    def __init__(self, tables: NsysTables, path: Path) -> None:
        self._tables = tables
        self._findings: dict[tuple[str, str], Finding] = {}
        self._of_runs: dict[tuple[str, str], tuple[int, int]] = {}
        self._say_tables()
        for table in sorted(LAYOUT.keys() & tables.table_names()):
            present = tables.columns(table)
            for column in LAYOUT[table]:
                if column.name in present:
                    continue
                if column.required:
                    raise ReportError(f"{path} lacks the column {column.name} of {table}: {column.loses}", _HINT)
                if column.expected:
                    self._miss(table, column)

    @property
    def unreadable(self) -> Mapping[tuple[str, str], int]:
        """Values that were not integers, or not texts."""
        return self._tables.unreadable

    def findings(self) -> list[Finding]:
        """Columns that are missing, and values that could not be used, of what was read."""
        return list(self._findings.values())

    def table_names(self) -> frozenset[str]:
        """Every table of the export."""
        return self._tables.table_names()

    def columns(self, table: str) -> frozenset[str]:
        """Column names of a table; none where it is absent."""
        return self._tables.columns(table)

    def integers(self, table: str, wanted: Sequence[str], run: Run | None = None) -> dict[str, Integers]:
        """The wanted columns in row order, NULL where null, absent, or not what the column may hold.

        What is wrong with the values of runs is added up, so that each run must be read once.
        """
        earlier = {} if run is None else {c: self.unreadable.get((table, c), 0) for c in wanted}
        found = self._tables.integers(table, wanted, run)
        present = self.columns(table)
        for column in LAYOUT.get(table, ()):
            if column.name in found and column.name in present:
                bad, words = self._check_integers(table, column, found[column.name], earlier.get(column.name, 0))
                total = len(found[column.name])
                if run is not None:
                    before = self._of_runs.get((table, column.name), (0, 0))
                    bad, total = self._of_runs[table, column.name] = (before[0] + bad, before[1] + total)
                self._say(table, column, bad, total, words)
        return found

    def runs(self, table: str, rows: int) -> Sequence[Run]:
        """All rows of a table, about so many at a time."""
        return self._tables.runs(table, rows)

    def count(self, table: str) -> int:
        """Rows of a table; 0 where it is absent."""
        return self._tables.count(table)

    def texts(self, table: str, column: str) -> pl.Series:
        """A column of texts in row order, null where null or absent; the start of those that are too long."""
        texts = self._tables.texts(table, column)
        for known in LAYOUT.get(table, ()):
            if known.name == column and column in self.columns(table):
                null = 0 if known.nullable else texts.null_count()
                bad = null if null else self.unreadable.get((table, column), 0)
                self._say(table, known, bad, len(texts), "texts")
        if (longest := texts.str.len_bytes().max()) is not None and isinstance(longest, int) and longest > MAX_NAME:
            cut = int((texts.str.len_chars() > MAX_NAME).sum())
            if cut:
                self._say(table, Column(column, "they are cut"), cut, len(texts), f"within {MAX_NAME} characters")
                texts = texts.str.slice(0, MAX_NAME)
        return texts

    def close(self) -> None:
        """Let go of the file."""
        self._tables.close()

    def _check_integers(self, table: str, column: Column, values: Integers, earlier: int) -> tuple[int, str]:
        """Set to NULL, in place, what the column cannot hold: how many, and what it can; `earlier` were unreadable."""
        allowed = column.values
        assert allowed is not None, f"{table}.{column.name} is a column of texts"
        null = int((values == NULL).sum())
        impossible = _impossible(values, allowed)
        count = int(impossible.sum())
        if count:
            values[impossible] = NULL
        unreadable = self.unreadable.get((table, column.name), 0) - earlier
        return count + (unreadable if column.nullable else null), allowed.words

    def _say_tables(self) -> None:
        """Name the tables that look like known ones under another name, and what is missed without calls."""
        present = self._tables.table_names()
        for table in sorted(present - LAYOUT.keys()):
            if known := _likeness(table, self._tables.columns(table)):
                message = f"the table {table} was not understood, and is left out: {known} is what is read"
                values = {"table": table, "known": known}
                self._findings[table, ""] = Finding("trace-table", Severity.WARNING, message, _HINT, values=values)
        if present & set(GPU_TABLES) and not present & set(API_TABLES):
            message = f"the trace has no table {API_TABLES[0]}: what launched each operation is unknown"
            hint = "no operation belongs to a range: trace with -t cuda,nvtx, and export the .nsys-rep again"
            values = {"table": API_TABLES[0]}
            self._findings[API_TABLES[0], ""] = Finding("trace-table", Severity.WARNING, message, hint, values=values)

    def _miss(self, table: str, column: Column) -> None:
        message = f"{table} has no column {column.name}: {column.loses}"
        values = {"table": table, "column": column.name}
        self._findings[table, column.name] = Finding(
            "trace-column-missing", Severity.WARNING, message, _HINT, values=values
        )

    def _say(self, table: str, column: Column, count: int, total: int, words: str) -> None:
        if not count:
            return
        message = f"{count} of {total} values of {table}.{column.name} are not {words}: {column.loses}"
        values = {"table": table, "column": column.name, "count": count}
        self._findings[table, column.name] = Finding("trace-value", Severity.WARNING, message, _HINT, values=values)


def _likeness(table: str, columns: frozenset[str]) -> str | None:
    """The known table that another one seems to be: by a name that holds its name, or by the columns of kernels."""
    held = [known for known in LAYOUT if known != STRINGS and known in table.upper()]
    if held:
        return max(held, key=len)
    return KERNELS if {"start", "end", "gridX", "blockX"} <= columns else None


def _impossible(values: Integers, allowed: Values) -> NDArray[np.bool_]:
    known = values != NULL
    if allowed.min > NULL:
        found: NDArray[np.bool_] = known & ((values < allowed.min) | (values > allowed.max))
    else:
        found = np.zeros(len(values), bool)
    for shift in range(0, allowed.id_bits, 24):
        found |= known & ((values >> shift & _NO_ID) == _NO_ID)
    return found
