"""An nsys export in SQLite: columns read in bulk as text that SQLite joins and numpy parses.

Rows as Python tuples cost about 2 us each at 15 columns; `group_concat` over runs of rows costs a quarter of it.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from roofprof.errors import ReportError
from roofprof.parsers.nsys.tables import NULL, Integers, absent

_ROWS_PER_RUN = 10_000
"""So few that the text of a run is small: a megabyte would be asked of the kernel and given back each time."""
_HINT = "export the .nsys-rep again: nsys export -t sqlite --force-overwrite true"


class SqliteTables:
    """Tables of one SQLite file, opened read-only over one connection.

    Raises:
        ReportError: no database, truncated, locked or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, int] = {}
        _check_size(path)
        self._connection = _connect(path)
        try:
            rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            self._columns = {name: self._table_columns(name) for (name,) in rows}
        except sqlite3.Error as error:
            self.close()
            raise _explain(path, error) from error

    def table_names(self) -> frozenset[str]:
        """Every table of the export."""
        return frozenset(self._columns)

    def columns(self, table: str) -> frozenset[str]:
        """Column names of a table; none where it is absent."""
        return self._columns.get(table, frozenset())

    def integers(self, table: str, wanted: Sequence[str]) -> dict[str, Integers]:
        """The wanted columns in row order, NULL where null; a column that is absent is all NULL."""
        present = [c for c in wanted if c in self.columns(table) or (c == "rowid" and table in self._columns)]
        runs = self._runs(table) if present else []
        count = self._count(table) if table in self._columns else 0
        found = {c: np.empty(count, np.int64) for c in present}
        at = 0
        try:
            for run in runs:
                parts = self._read_run(table, present, run)
                for column, part in zip(present, parts, strict=True):
                    found[column][at : at + len(part)] = part
                at += len(parts[0])
        except (sqlite3.Error, ValueError) as error:
            raise _explain(self._path, error) from error
        return {c: found[c] if c in found else absent(count) for c in wanted}

    def _read_run(self, table: str, columns: Sequence[str], run: tuple[int, int]) -> list[Integers]:
        """Columns of one run of rows."""
        joined = ", ".join(f'group_concat("{c}")' for c in columns)
        query = f'SELECT {joined}, count(*) FROM "{table}" WHERE rowid BETWEEN ? AND ?'
        *texts, count = self._connection.execute(query, run).fetchone()
        parts = []
        for column, text in zip(columns, texts, strict=True):
            part = absent(count) if text is None else _parse(text)
            parts.append(part if len(part) == count else self._read_mixed(table, column, run))
        return parts

    def _read_mixed(self, table: str, column: str, run: tuple[int, int]) -> Integers:
        """A column with some nulls, which group_concat leaves out, or with other values than integers."""
        joined = f'group_concat(ifnull(CAST("{column}" AS INTEGER), {NULL}))'
        query = f'SELECT {joined} FROM "{table}" WHERE rowid BETWEEN ? AND ?'
        return _parse(self._connection.execute(query, run).fetchone()[0] or "")

    def texts(self, table: str, column: str) -> pl.Series:
        """A column of texts in row order, null where null or absent."""
        if column not in self.columns(table):
            count = self._count(table) if table in self._columns else 0
            return pl.repeat(None, count, dtype=pl.String, eager=True)
        query = f'SELECT CAST("{column}" AS TEXT) FROM "{table}" ORDER BY rowid'
        lenient = self._connection.text_factory
        try:
            # Decoding in C takes a third of the time; it refuses what is not UTF-8, which is data too.
            self._connection.text_factory = str
            return self._texts(query)
        except sqlite3.OperationalError:
            pass
        except sqlite3.Error as error:
            raise _explain(self._path, error) from error
        finally:
            self._connection.text_factory = lenient
        try:
            return self._texts(query)
        except sqlite3.Error as error:
            raise _explain(self._path, error) from error

    def _texts(self, query: str) -> pl.Series:
        """The column of texts that a query gives."""
        parts = []
        cursor = self._connection.execute(query)
        while rows := cursor.fetchmany(_ROWS_PER_RUN):
            parts.append(pl.Series([text for (text,) in rows], dtype=pl.String))
        return pl.concat(parts) if parts else pl.Series([], dtype=pl.String)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _table_columns(self, table: str) -> frozenset[str]:
        quoted = table.replace('"', '""')
        return frozenset(row[1] for row in self._connection.execute(f'PRAGMA table_info("{quoted}")'))

    def _count(self, table: str) -> int:
        if table not in self._counts:
            self._counts[table] = self._rows(f'SELECT count(*) FROM "{table}"')[0][0] or 0
        return self._counts[table]

    def _runs(self, table: str) -> list[tuple[int, int]]:
        """Runs of rowids that cover the table; where many are missing, they are taken from the rows."""
        # min and max in one SELECT would scan the table.
        query = f'SELECT (SELECT min(rowid) FROM "{table}"), (SELECT max(rowid) FROM "{table}")'
        first, last = self._rows(query)[0]
        if first is None or last is None:
            return []
        if last - first < 4 * max(_ROWS_PER_RUN, self._count(table)):
            return [(low, low + _ROWS_PER_RUN - 1) for low in range(first, last + 1, _ROWS_PER_RUN)]
        rowids = [rowid for (rowid,) in self._rows(f'SELECT rowid FROM "{table}" ORDER BY rowid') if rowid is not None]
        lows = rowids[::_ROWS_PER_RUN]
        return list(zip(lows, [*(low - 1 for low in lows[1:]), rowids[-1]], strict=True))

    def _rows(self, query: str) -> list[tuple[int | None, ...]]:
        try:
            return self._connection.execute(query).fetchall()
        except sqlite3.Error as error:
            raise _explain(self._path, error) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=0.5)
    except sqlite3.Error as error:
        raise _explain(path, error) from error
    # Text that is not UTF-8 is data too: a kernel name must not stop the reading.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _parse(text: str) -> Integers:
    """Integers between commas; nothing where there is anything else."""
    try:
        return np.fromstring(text, np.int64, sep=",")
    except (DeprecationWarning, ValueError):  # numpy's way of saying so, an error from some version on
        return np.empty(0, np.int64)


def _check_size(path: Path) -> None:
    """Refuse what is not a SQLite file, and one that is shorter than its header says."""
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0":
        raise ReportError(f"{path} is not a SQLite database", _HINT)
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    # The page count is valid only while both change counters agree (sqlite.org/fileformat2.html, 1.3.7).
    pages = int.from_bytes(header[28:32], "big") if header[24:28] == header[92:96] else 0
    size = path.stat().st_size
    if size < pages * page_size:
        raise ReportError(f"{path} is truncated: {size} of {pages * page_size} bytes", _HINT)


def _explain(path: Path, error: Exception) -> ReportError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return ReportError(f"{path} is locked by another program", "wait until nsys has finished its export")
    return ReportError(f"cannot read {path}: {text}", _HINT)
