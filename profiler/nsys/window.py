"""Which launches of an nsys export lie in the part that was asked for, and not in loading or warm-up around it."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from roofprof.formats.nsys import API_TABLES, GPU_TABLES, GRAPH_LAUNCHES, KERNELS, NVTX, PUSH_POP, START_END, STRINGS

LAUNCHES = "temp.launches"
"""Table of the correlation ids that `note_launches` found."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a trace that is kept."""

    kind: Literal["layers", "nvtx", "api", "all"]
    """`layers`: from the first range of a name to the end of its last; `nvtx`: each range, with the launches of its
    thread; `api`: from each cudaProfilerStart to the next Stop of its process."""
    pattern: str | None = None
    """Of range names: a GLOB pattern for `layers`, a name for `nvtx`."""
    skip: int = 0
    count: int | None = None
    """Of the kernels in it, in the order of their launches."""
    warmup: int = 0
    """Regions that are left out; where it is not 0, the next one alone is kept."""


def profiler_regions(database: sqlite3.Connection) -> int | None:
    """Calls of cudaProfilerStart in the database attached as `old`; None where it has no API calls at all."""
    known = [t for t in API_TABLES if _columns(database, t)]
    if not known or not _columns(database, STRINGS):
        return None
    return sum(len(_calls(database, table, "Start")) for table in known)


def graph_launches(database: sqlite3.Connection) -> int:
    """GPU operations in `old` that came from a CUDA graph: nodes, or graphs traced as a whole."""
    count = 0
    for table in GPU_TABLES:
        columns = _columns(database, table)
        if table == GRAPH_LAUNCHES and columns:
            count += database.execute(f"SELECT count(*) FROM old.{table}").fetchone()[0]
        elif "graphNodeId" in columns:
            query = f"SELECT count(*) FROM old.{table} WHERE coalesce(graphNodeId, 0) != 0"
            count += database.execute(query).fetchone()[0]
    return int(count)


def note_launches(database: sqlite3.Connection, cut: Cut) -> bool:
    """Fill temp.launches from the database attached as `old`; False, and no table, where nothing is to be cut."""
    database.execute("CREATE TABLE temp.windows (first INTEGER, last INTEGER, process INTEGER, thread INTEGER)")
    if cut.kind == "api":
        _note_calls(database)
    elif cut.kind in ("layers", "nvtx"):
        _note_ranges(database, cut)
    else:
        database.execute("INSERT INTO temp.windows VALUES (-9223372036854775808, 9223372036854775807, NULL, NULL)")
    if cut.warmup:
        _one_window(database, cut.warmup)
    found = database.execute("SELECT count(*) FROM temp.windows").fetchone()[0]
    if not found or (cut.kind == "all" and not cut.skip and cut.count is None):
        return False
    database.execute(f"CREATE TABLE {LAUNCHES} (correlationId INTEGER PRIMARY KEY)")
    for table in API_TABLES:
        columns = _columns(database, table)
        if columns:
            there = "globalTid" in columns
            process = "AND (w.process IS NULL OR a.globalTid >> 24 = w.process)" if there else ""
            thread = "AND (w.thread IS NULL OR a.globalTid = w.thread)" if there else ""
            database.execute(
                f"INSERT OR IGNORE INTO {LAUNCHES} SELECT a.correlationId FROM old.{table} AS a, temp.windows AS w "
                f'WHERE a.start >= w.first AND a."end" <= w.last AND a.correlationId IS NOT NULL {process} {thread}'
            )
    if cut.skip or cut.count is not None:
        _slice(database, cut)
    return True


def _note_ranges(database: sqlite3.Connection, cut: Cut) -> None:
    """Windows of NVTX ranges."""
    columns = set(_columns(database, NVTX))
    if not {"start", "end", "eventType", "text"} <= columns:
        return
    registered = "textId" in columns and _columns(database, STRINGS)
    join = "LEFT JOIN old.StringIds AS s ON s.id = n.textId" if registered else ""
    name = "coalesce(n.text, s.value)" if registered else "n.text"
    if cut.kind == "layers":
        times, how = 'min(n.start), max(n."end"), NULL, NULL', f"n.eventType = 59 AND {name} GLOB ? GROUP BY {name}"
    else:
        thread = f"CASE WHEN n.eventType IN {PUSH_POP} THEN n.globalTid END" if "globalTid" in columns else "NULL"
        times, how = f'n.start, n."end", NULL, {thread}', f"n.eventType IN {(*PUSH_POP, *START_END)} AND {name} = ?"
    query = f'SELECT {times} FROM old.NVTX_EVENTS AS n {join} WHERE n."end" IS NOT NULL AND {how}'
    database.execute(f"INSERT INTO temp.windows {query}", (cut.pattern,))


def _note_calls(database: sqlite3.Connection) -> None:
    """Windows from each cudaProfilerStart to the next cudaProfilerStop of its process; an open one has no end."""
    for table in API_TABLES:
        if not _columns(database, table):
            continue
        stops = _calls(database, table, "Stop")
        for start, process in _calls(database, table, "Start"):
            end = min((t for t, p in stops if p == process and t >= start), default=(1 << 63) - 1)
            database.execute("INSERT INTO temp.windows VALUES (?, ?, ?, NULL)", (start, end, process))


def _one_window(database: sqlite3.Connection, warmup: int) -> None:
    """Keep the window behind the first ones, of each process."""
    numbered = "SELECT rowid AS id, row_number() OVER (PARTITION BY process ORDER BY first) AS number FROM temp.windows"
    database.execute(
        f"DELETE FROM temp.windows WHERE rowid NOT IN (SELECT id FROM ({numbered}) WHERE number = ?)", (warmup + 1,)
    )


def _calls(database: sqlite3.Connection, table: str, what: str) -> list[tuple[int, int | None]]:
    """Start and process of each call of cudaProfilerStart or Stop, in order; those inside another are one with it."""
    columns = _columns(database, table)
    if not {"start", "nameId"} <= set(columns) or not _columns(database, STRINGS):
        return []
    process = "a.globalTid >> 24" if "globalTid" in columns else "NULL"
    query = (
        f"SELECT a.start, {process} FROM old.{table} AS a JOIN old.StringIds AS s ON s.id = a.nameId "
        f"WHERE s.value GLOB 'cu*Profiler{what}*' ORDER BY a.start"
    )
    return [(int(start), process) for start, process in database.execute(query)]


def _slice(database: sqlite3.Connection, cut: Cut) -> None:
    """Keep the kernels from the skip-th on, `count` of them, and what was launched between them."""
    apis = [t for t in API_TABLES if {"start", "correlationId"} <= set(_columns(database, t))]
    if not apis or not _columns(database, KERNELS):
        return
    calls = " UNION ALL ".join(f"SELECT correlationId, start FROM old.{table}" for table in apis)
    query = (
        f"SELECT min(a.start) AS t FROM old.{KERNELS} AS k JOIN ({calls}) AS a USING (correlationId) "
        f"WHERE k.correlationId IN {LAUNCHES} GROUP BY k.rowid ORDER BY t, k.start LIMIT ? OFFSET ?"
    )
    limit = -1 if cut.count is None else cut.count
    times = [t for (t,) in database.execute(query, (limit, cut.skip))]
    first, last = (times[0], times[-1]) if times else (0, -1)
    kept = f"SELECT correlationId FROM ({calls}) WHERE start BETWEEN ? AND ?"
    database.execute(f"DELETE FROM {LAUNCHES} WHERE correlationId NOT IN ({kept})", (first, last))


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f'PRAGMA old.table_info("{table}")')]
