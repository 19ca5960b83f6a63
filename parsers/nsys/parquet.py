"""An nsys export as a directory of Parquet files, one per table (`nsys export -t parquetdir`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from roofprof.errors import ReportError
from roofprof.files import check_regular
from roofprof.parsers.nsys.tables import NULL, Integers, Run, absent


class ParquetTables:
    """Tables of one directory; a file `NAME.parquet` is the table NAME.

    Raises:
        ReportError: a file is not a Parquet file, or is damaged.
        OSError: a file is a FIFO or a device.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = {file.stem: file for file in sorted(path.glob("*.parquet"))}
        for file in self._files.values():
            check_regular(file)
        self._schemas: dict[str, pl.Schema] = {}
        self._unreadable: dict[tuple[str, str], int] = {}

    @property
    def unreadable(self) -> Mapping[tuple[str, str], int]:
        """By table and column: how many of the values read so far were not integers, or not texts."""
        return self._unreadable

    def table_names(self) -> frozenset[str]:
        """Every table of the export."""
        return frozenset(self._files)

    def columns(self, table: str) -> frozenset[str]:
        """Column names of a table; none where it is absent."""
        return frozenset(self._schema(table))

    def integers(self, table: str, wanted: Sequence[str], run: Run | None = None) -> dict[str, Integers]:
        """The wanted columns in row order, NULL where null; a column that is absent is all NULL."""
        present = [c for c in wanted if c in self.columns(table)]
        frame = self._read(table, present, run)
        first, count = (0, self._count(table)) if run is None else run[0]
        earlier = {c: self._unreadable.pop((table, c), 0) for c in present}
        found = {c: self._as_integers(table, frame[c]) for c in present}
        for column, number in earlier.items() if run is not None else ():
            self._unreadable[table, column] = self._unreadable.get((table, column), 0) + number
        if "rowid" in wanted:
            found["rowid"] = np.arange(first + 1, first + count + 1, dtype=np.int64)
        return {c: found[c] if c in found else absent(count) for c in wanted}

    def runs(self, table: str, rows: int) -> list[Run]:
        """All rows of a table: where each run begins, and how many rows it has."""
        count = self._count(table)
        return [[(low, min(rows, count - low))] for low in range(0, count, rows)]

    def count(self, table: str) -> int:
        """Rows of a table; 0 where it is absent."""
        return self._count(table) if table in self._files else 0

    def texts(self, table: str, column: str) -> pl.Series:
        """A column of texts in row order, null where null or absent."""
        if column not in self.columns(table):
            return pl.repeat(None, self._count(table), dtype=pl.String, eager=True)
        series = self._read(table, [column])[column]
        if series.dtype == pl.Binary:
            return pl.Series([None if v is None else v.decode("utf-8", "replace") for v in series], dtype=pl.String)
        if series.dtype.is_nested():
            self._unreadable[table, column] = series.count()
            return pl.repeat(None, len(series), dtype=pl.String, eager=True)
        return series.cast(pl.String)

    def close(self) -> None:
        """Nothing is held open."""

    def _schema(self, table: str) -> pl.Schema:
        if table not in self._schemas:
            try:
                found = pl.Schema(pl.read_parquet_schema(self._files[table])) if table in self._files else pl.Schema()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise self._explain(table, error) from error
            self._schemas[table] = found
        return self._schemas[table]

    def _read(self, table: str, columns: Sequence[str], run: Run | None = None) -> pl.DataFrame:
        if not columns:
            return pl.DataFrame()
        try:
            if run is not None:
                return pl.scan_parquet(self._files[table]).select(columns).slice(*run[0]).collect()
            return pl.read_parquet(self._files[table], columns=list(columns))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._explain(table, error) from error

    def _count(self, table: str) -> int:
        if table not in self._files:
            return 0
        try:
            return int(pl.scan_parquet(self._files[table]).select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._explain(table, error) from error

    def _explain(self, table: str, error: Exception) -> ReportError:
        return ReportError(
            f"cannot read {self._files[table]}: {str(error).splitlines()[0]}",
            "export the .nsys-rep again: nsys export -t parquetdir --force-overwrite true",
        )

    def _as_integers(self, table: str, series: pl.Series) -> Integers:
        """Integers as int64, anything else as NULL; identifiers above 2^63 wrap, as SQLite's export has them."""
        if series.dtype == pl.UInt64:
            series = series.reinterpret(signed=True)
        if not series.dtype.is_integer() and series.dtype != pl.Boolean:
            self._unreadable[table, series.name] = series.count()
            return absent(len(series))
        return np.array(series.cast(pl.Int64).fill_null(NULL).to_numpy(), dtype=np.int64)
