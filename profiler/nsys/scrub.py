"""Takes all that names the machine, its user or its environment out of an nsys SQLite export.

nsys writes the whole environment of the profiled process into its files, with tokens, and the command line,
host name, process list, thread names and the GPU's UUID. What the timeline needs is copied into a new file,
table by table, so that no page of the old one is left in it.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from roofprof.errors import ReportError, RoofprofError
from roofprof.formats.nsys import (
    API_TABLES,
    DOMAIN,
    GPU_TABLES,
    GRAPH_NODES,
    KERNELS,
    LOSS_MESSAGE,
    PUSH_POP,
    START_END,
    process_id,
)
from roofprof.profiler.nsys.window import LAUNCHES, Cut, graph_launches, note_launches, profiler_regions

NUMBERS_OF = (*GPU_TABLES, *API_TABLES, GRAPH_NODES)
"""Tables that are kept with every column, numbers only: text in them is not copied."""

COLUMNS_OF = {
    "NVTX_EVENTS": (
        "start", "end", "eventType", "rangeId", "category", "color", "text", "globalTid", "endGlobalTid",
        "textId", "domainId",
    ),
    "TARGET_INFO_GPU": (
        "id", "name", "l2CacheSize", "totalMemory", "memoryBandwidth", "clockRate", "smCount", "chipName",
        "cuDevice", "computeMajor", "computeMinor",
    ),
    "ENUM_CUDA_MEMCPY_OPER": ("id", "name", "label"),
}  # fmt: skip
"""Tables of which these columns are kept: no UUID, bus location, device path or payload."""

_TEXT_COLUMNS = {"NVTX_EVENTS": {"text"}, "TARGET_INFO_GPU": {"name", "chipName"}}
_TEXT_COLUMNS["ENUM_CUDA_MEMCPY_OPER"] = {"name", "label"}
_NAME_COLUMNS = ("demangledName", "shortName", "mangledName", "nameId", "textId")
_RANGES_AND_DOMAINS = (
    f"eventType IN {(*PUSH_POP, *START_END, DOMAIN)}"  # marks, categories and thread names are not needed
)


Within: TypeAlias = Cut | Callable[[int | None], Cut] | None
"""A part of the trace, or what tells it from the number of profiler regions."""


class Kept(NamedTuple):
    """GPU operations of an export: kernels, memcpys, memsets, whole graphs."""

    operations: int
    left_out: int
    """Launched outside the part that was asked for."""
    profiler_regions: int | None = None
    """Calls of cudaProfilerStart; None where the trace holds no API calls."""
    graph_launches: int = 0
    """Operations of CUDA graphs, in all of the export."""
    kernels: int = 0
    """Of the operations kept."""
    processes: frozenset[int] = frozenset()
    """Ids of the processes that launched these kernels; empty where the trace does not say."""


def scrub(export: Path, target: Path, *, within: Within = None, clean: Callable[[str], str] | None = None) -> Kept:
    """Copy what the timeline needs into a new file.

    Range names are what the user wrote into the code that was profiled: they stay but for what `clean` takes out.

    Args:
        export: a SQLite export of nsys; left as it is.
        target: written anew.
        within: keep only operations launched in this part. Where there is no such part, everything is kept.
        clean: applied to every name that is kept.

    Raises:
        ReportError: the export is not a SQLite database, or is damaged.
        RoofprofError: the target cannot be written.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        with closing(sqlite3.connect(_uri(partial, "rw"), uri=True, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = off")
            database.execute("ATTACH ? AS old", (_uri(export, "ro"),))
            database.create_function("clean", 1, clean or _same, deterministic=True)
            database.execute("BEGIN")
            regions, graphs = profiler_regions(database), graph_launches(database)
            part = within(regions) if callable(within) else within
            trimmed = part is not None and note_launches(database, part)
            _copy_all(database, trimmed)
            kernels = _rows(database, KERNELS, "main")
            kept = _count(database)._replace(
                profiler_regions=regions, graph_launches=graphs, kernels=kernels, processes=_processes(database)
            )
            database.execute("COMMIT")
            database.execute("DETACH old")
            database.execute("VACUUM")
        os.chmod(partial, 0o644)
        os.replace(partial, target)
        return kept
    except sqlite3.Error as error:
        partial.unlink(missing_ok=True)
        raise ReportError(f"cannot scrub {export}: {error}", "export the .nsys-rep again") from error
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RoofprofError(f"cannot write {target}: {error.strerror}", "choose another directory") from error


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _same(name: str) -> str:
    return name


def _count(database: sqlite3.Connection) -> Kept:
    """Rows of the tables of GPU operations, new and old."""
    totals = {"main": 0, "old": 0}
    for table in GPU_TABLES:
        for schema in totals:
            totals[schema] += _rows(database, table, schema)
    return Kept(totals["main"], totals["old"] - totals["main"])


def _processes(database: sqlite3.Connection) -> frozenset[int]:
    """Of the kernels kept."""
    if "globalPid" not in _columns(database, KERNELS, "main"):
        return frozenset()
    rows = database.execute(f"SELECT DISTINCT CAST(globalPid AS INTEGER) FROM main.{KERNELS}")
    found = [pid for (pid,) in rows]
    return frozenset() if None in found else frozenset(map(process_id, found))


def _rows(database: sqlite3.Connection, table: str, schema: str) -> int:
    """Rows of a table; 0 where it is not there."""
    if not _columns(database, table, schema):
        return 0
    return int(database.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone()[0])


def _copy_all(database: sqlite3.Connection, trimmed: bool) -> None:
    rows = database.execute("SELECT name FROM old.sqlite_master WHERE type = 'table'").fetchall()
    present = {name for (name,) in rows}
    for table in (*NUMBERS_OF, *COLUMNS_OF):
        if table in present:
            _copy(database, table, trimmed)
    if "StringIds" in present:
        _copy_names(database, present)
    _copy_metadata(database, present)
    _copy_losses(database, present)


def _columns(database: sqlite3.Connection, table: str, schema: str = "old") -> list[str]:
    return [row[1] for row in database.execute(f'PRAGMA {schema}.table_info("{table}")')]


def _copy(database: sqlite3.Connection, table: str, trimmed: bool) -> None:
    """One table with its rowids, which nsys stats calls RangeId."""
    wanted = COLUMNS_OF.get(table)
    columns = [c for c in _columns(database, table) if wanted is None or c in wanted]
    texts = _TEXT_COLUMNS.get(table, set())
    types = ", ".join(f'"{c}" {"TEXT" if c in texts else "INTEGER"}' for c in columns)
    database.execute(f'CREATE TABLE main."{table}" ({types})')
    values = ", ".join(_value(c, c in texts) for c in columns)
    names = ", ".join(f'"{c}"' for c in columns)
    where = _rows_kept(database, table, trimmed)
    database.execute(
        f'INSERT INTO main."{table}" (rowid, {names}) SELECT rowid, {values} FROM old."{table}" {where} ORDER BY rowid'
    )


def _rows_kept(database: sqlite3.Connection, table: str, trimmed: bool) -> str:
    """Of events the ranges, of API calls those that launched something: they are most of an export."""
    if table == "NVTX_EVENTS":
        return f"WHERE {_RANGES_AND_DOMAINS}"
    if trimmed and table in GPU_TABLES:
        return f"WHERE correlationId IN {LAUNCHES}"
    work = [name for name in GPU_TABLES if _columns(database, name, "main")]
    if table in API_TABLES and work:
        launched = " UNION ".join(f"SELECT correlationId FROM main.{name}" for name in work)
        return f"WHERE correlationId IN ({launched})"
    return ""


def _value(column: str, is_text: bool) -> str:
    """The column where its value is of the kind expected, else NULL: SQLite stores text in any column."""
    kinds = "'text'" if is_text else "'integer', 'real'"
    kept = f'clean("{column}")' if is_text else f'"{column}"'
    return f'CASE WHEN typeof("{column}") IN ({kinds}) THEN {kept} END'


def _copy_names(database: sqlite3.Connection, present: Iterable[str]) -> None:
    """Strings that a kept row refers to: environment, arguments and paths are strings as well."""
    database.execute("CREATE TABLE main.StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL)")
    used = [
        f'SELECT "{column}" FROM main."{table}"'
        for table in (*NUMBERS_OF, *COLUMNS_OF)
        if table in present
        for column in _columns(database, table, "main")
        if column in _NAME_COLUMNS
    ]
    if used:
        database.execute(
            "INSERT INTO main.StringIds SELECT id, clean(value) FROM old.StringIds "
            f"WHERE typeof(value) = 'text' AND id IN ({' UNION '.join(used)})"
        )


def _copy_metadata(database: sqlite3.Connection, present: Iterable[str]) -> None:
    """Version of nsys and of the schema; not the file names, which hold paths."""
    database.execute("CREATE TABLE main.META_DATA_EXPORT (name TEXT NOT NULL, value TEXT)")
    for table in ("META_DATA_EXPORT", "EXPORT_META_DATA"):
        if table in present:
            database.execute(
                f"INSERT INTO main.META_DATA_EXPORT SELECT name, value FROM old.{table} "
                "WHERE name LIKE 'EXPORT_PRODUCT_%' OR name LIKE 'EXPORT_SCHEMA_VERSION%'"
            )


def _copy_losses(database: sqlite3.Connection, present: Iterable[str]) -> None:
    """That events were lost, in our words: nsys' own messages may name files and hosts."""
    if "DIAGNOSTIC_EVENT" not in present:
        return
    database.execute("CREATE TABLE main.DIAGNOSTIC_EVENT (severity INTEGER, text TEXT)")
    columns = _columns(database, "DIAGNOSTIC_EVENT")
    if "text" not in columns:
        return
    severity = "severity" if "severity" in columns else "2"
    for level, text in database.execute(f"SELECT {severity}, text FROM old.DIAGNOSTIC_EVENT").fetchall():
        if isinstance(text, str) and LOSS_MESSAGE.search(text):
            kind = "NVTX events" if "nvtx" in text.lower() else "CUDA events" if "cuda" in text.lower() else "events"
            values = (level if isinstance(level, int) else 2, f"Not all {kind} might have been collected.")
            database.execute("INSERT INTO main.DIAGNOSTIC_EVENT VALUES (?, ?)", values)
