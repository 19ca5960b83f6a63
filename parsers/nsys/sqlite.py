"""An nsys export in SQLite: columns read in bulk as text that SQLite joins and numpy parses.

Rows as Python tuples cost about 2 us each at 15 columns; `group_concat` over runs of rows costs a quarter of it.
"""

import sqlite3
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from roofprof.errors import ReportError
from roofprof.files import open_regular
from roofprof.parsers.nsys.layout import LAYOUT, MAX_NAME
from roofprof.parsers.nsys.tables import NULL, Integers, Run, absent

_ROWS_PER_RUN = 10_000
"""So few that the text of a run is small: a megabyte would be asked of the kernel and given back each time."""
_MAX_ROWID = 2**63 - 1
_MAX_VALUE = 64 << 20
"""Bytes of one value: the text of a run of integers is far below."""
_HINT = "export the .nsys-rep again: nsys export -t sqlite --force-overwrite true"


class SqliteTables:
    """Tables of one SQLite file, opened read-only over one connection.

    Raises:
        ReportError: not a database, truncated, locked or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[str, int] = {}
        self._unreadable: Counter[tuple[str, str]] = Counter()
        _check_size(path)
        self._connection = _connect(path)
        try:
            rows = self._connection.execute("SELECT name, type FROM sqlite_master").fetchall()
            self._columns = {name: self._table_columns(name) for name, kind in rows if kind == "table"}
        except sqlite3.Error as error:
            self.close()
            raise _explain(path, error) from error
        if views := sorted(name for name, kind in rows if kind == "view" and name in LAYOUT):
            self.close()
            raise ReportError(f"{path} is not an export of nsys: {views[0]} is a view and not a table", _HINT)

    @property
    def unreadable(self) -> Mapping[tuple[str, str], int]:
        """By table and column: how many of the values read so far were not integers, or not texts."""
        return self._unreadable

    def table_names(self) -> frozenset[str]:
        """Every table of the export."""
        return frozenset(self._columns)

    def columns(self, table: str) -> frozenset[str]:
        """Column names of a table; none where it is absent."""
        return self._columns.get(table, frozenset())

    def integers(self, table: str, wanted: Sequence[str], run: Run | None = None) -> dict[str, Integers]:
        """The wanted columns in row order, NULL where null; a column that is absent is all NULL."""
        present = [c for c in wanted if c in self.columns(table) or (c == "rowid" and table in self._columns)]
        if run is None:
            self._forget(table, present)
            count = self._count(table) if table in self._columns else 0
            return self._integers(table, wanted, present, self._runs(table) if present else [], count)
        counts = self._rows(f'SELECT count(*) FROM "{table}" WHERE rowid BETWEEN {run[0][0]} AND {run[-1][1]}')
        return self._integers(table, wanted, present, run if present else [], counts[0][0] or 0)

    def runs(self, table: str, rows: int) -> list[Run]:
        """All rows of a table, as runs of rowids that are read at once."""
        if table not in self._columns:
            return []
        runs, step = self._runs(table), max(1, rows // _ROWS_PER_RUN)
        return [runs[low : low + step] for low in range(0, len(runs), step)]

    def _integers(
        self, table: str, wanted: Sequence[str], present: Sequence[str], runs: Run, count: int
    ) -> dict[str, Integers]:
        """Columns of some runs, which have so many rows."""
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
        query = f'SELECT count(*), {joined} FROM "{table}" WHERE rowid BETWEEN ? AND ?'
        count, *texts = self._connection.execute(query, run).fetchone()
        parts = []
        for column, text in zip(columns, texts, strict=True):
            # Nulls leave fewer than there are rows. Counting them would cost a fifth of the time.
            part = absent(count) if text is None else _parse(text)
            parts.append(part if len(part) == count else self._read_mixed(table, column, run))
        return parts

    def _read_mixed(self, table: str, column: str, run: tuple[int, int]) -> Integers:
        """A column with some nulls, which group_concat leaves out, or with other values than integers."""
        kind = f'typeof("{column}")'
        query = (
            f"SELECT group_concat(CASE {kind} WHEN 'integer' THEN \"{column}\" ELSE {NULL} END), "
            f"""sum({kind} NOT IN ('integer', 'null')) FROM "{table}" WHERE rowid BETWEEN ? AND ?"""
        )
        text, unreadable = self._connection.execute(query, run).fetchone()
        self._unreadable[table, column] += unreadable or 0
        return _parse(text or "")

    def _forget(self, table: str, columns: Sequence[str]) -> None:
        """A column that is read again is counted again."""
        for column in columns:
            self._unreadable.pop((table, column), None)

    def count(self, table: str) -> int:
        """Rows of a table; 0 where it is absent."""
        return self._count(table) if table in self._columns else 0

    def texts(self, table: str, column: str) -> pl.Series:
        """A column of texts in row order, null where null or absent."""
        if column not in self.columns(table):
            count = self._count(table) if table in self._columns else 0
            return pl.repeat(None, count, dtype=pl.String, eager=True)
        # Longer names are cut, and said to be, by who asks; a byte more tells them from those of just this length.
        text, kind = f'substr(CAST("{column}" AS TEXT), 1, {MAX_NAME + 1})', f'typeof("{column}")'
        query = f"SELECT CASE {kind} WHEN 'blob' THEN NULL ELSE {text} END FROM \"{table}\" ORDER BY rowid"
        blobs = f"SELECT count(*) FROM \"{table}\" WHERE {kind} = 'blob'"
        lenient = self._connection.text_factory
        try:
            self._unreadable[table, column] = self._connection.execute(blobs).fetchone()[0]
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
            lows = range(first, last + 1, _ROWS_PER_RUN)
            return [(low, min(low + _ROWS_PER_RUN - 1, _MAX_ROWID)) for low in lows]
        rowids = [rowid for (rowid,) in self._rows(f'SELECT rowid FROM "{table}" ORDER BY rowid') if rowid is not None]
        starts = rowids[::_ROWS_PER_RUN]
        return list(zip(starts, [*(start - 1 for start in starts[1:]), rowids[-1]], strict=True))

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
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    # Text that is not UTF-8 is data too: a kernel name must not stop the reading.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


_NOTHING = np.empty(0, np.int64)


def _parse(text: str) -> Integers:
    """Integers between commas; nothing where there is anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's way of saying so, an error from some version on
        try:
            return np.fromstring(text, np.int64, sep=",")
        except (DeprecationWarning, ValueError):
            return _NOTHING


def _check_size(path: Path) -> None:
    """Refuse what is not a SQLite file, and one that is shorter than its header says."""
    with open_regular(path) as file:
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
