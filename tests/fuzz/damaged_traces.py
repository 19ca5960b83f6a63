"""Damage to an nsys export: tables and columns that are gone, renamed, null or of a wrong type; ids, times, rowids."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cases import DATA, Case, chosen, compared
from command_line import copied
from outcomes import GOOD, Outcome

KIND, PLAUSIBLE = "nsys trace, damaged", "nsys trace, other plausible values"
BASE = DATA / "h100-fp8" / "nsys" / "decode-eager.sqlite"
COUNT = 400

KERNEL, MEMCPY, MEMSET, RUNTIME = (f"CUPTI_ACTIVITY_KIND_{k}" for k in ("KERNEL", "MEMCPY", "MEMSET", "RUNTIME"))
COLUMNS = {
    "StringIds": ("id", "value"),
    "NVTX_EVENTS": ("start", "end", "eventType", "text", "globalTid", "endGlobalTid", "textId", "domainId"),
    RUNTIME: ("start", "end", "globalTid", "correlationId", "eventClass"),
    KERNEL: (
        "start", "end", "deviceId", "streamId", "correlationId", "globalPid", "demangledName", "shortName", "gridX",
        "gridY", "gridZ", "blockX", "blockY", "blockZ", "graphNodeId",
    ),
    MEMCPY: ("start", "end", "correlationId", "globalPid", "bytes", "copyKind"),
    MEMSET: ("start", "end", "correlationId", "globalPid", "bytes"),
}  # fmt: skip
"""What a reader needs of an export."""

VALUES = {
    "is null": "NULL", "is text": "'abc'", "is empty text": "''", "is a blob": "x'00ff00'", "is infinite": "9e999",
    "is -infinite": "-9e999", "is a fraction": "1.5", "is the largest integer": "9223372036854775807",
    "is the smallest integer": "-9223372036854775807 - 1", "is beyond integers": "1e300", "is -1": "-1",
    "dangles": "{c} + 1000000007",
}  # fmt: skip
_FOR_ROWIDS = ("is the largest integer", "is the smallest integer", "is -1", "dangles")
"""The column is the rowid: SQLite itself keeps anything but integers out."""
EVERY = {"everywhere": "", "in each 7th row": "WHERE rowid % 7 = 3", "in one row": "WHERE rowid = 5"}

SPECIAL = {
    "a rowid at the end of integers": f"UPDATE {KERNEL} SET rowid = 9223372036854775807 WHERE rowid = 5",
    "rowids at both ends": (
        f"UPDATE {KERNEL} SET rowid = 9223372036854775807 WHERE rowid = 5; "
        f"UPDATE {KERNEL} SET rowid = -9223372036854775807 WHERE rowid = 6"
    ),
    "rowids of ranges at both ends": (
        "UPDATE NVTX_EVENTS SET rowid = 9223372036854775807 WHERE rowid = 5; "
        "UPDATE NVTX_EVENTS SET rowid = -9223372036854775807 WHERE rowid = 6"
    ),
    "a string id at the end of integers": "UPDATE StringIds SET id = 9223372036854775807 WHERE id = 5",
    "far string ids": "UPDATE StringIds SET id = id * 1000000007",
    "kernels end before they start": f"UPDATE {KERNEL} SET start = end, end = start",
    "calls end before they start": f"UPDATE {RUNTIME} SET start = end, end = start",
    "ranges end before they start": "UPDATE NVTX_EVENTS SET start = end, end = start WHERE end IS NOT NULL",
    "one kernel lasts for ever": f"UPDATE {KERNEL} SET end = 9223372036854775806 WHERE rowid = 5",
    "one range lasts for ever": "UPDATE NVTX_EVENTS SET end = 9223372036854775806 WHERE rowid = 5",
    "every range is open": "UPDATE NVTX_EVENTS SET end = NULL",
    "infinite grids": f"UPDATE {KERNEL} SET gridX = 9e999, gridY = 9e999, gridZ = 9e999",
    "one correlation id for all kernels": f"UPDATE {KERNEL} SET correlationId = 1",
    "one correlation id for all calls": f"UPDATE {RUNTIME} SET correlationId = 1",
    "kernels of another process": f"UPDATE {KERNEL} SET globalPid = globalPid + 16777216",
    "calls of another thread": f"UPDATE {RUNTIME} SET globalTid = globalTid + 1",
    "half of the calls are gone": f"DELETE FROM {RUNTIME} WHERE rowid % 2 = 0",
    "half of the strings are gone": "DELETE FROM StringIds WHERE id % 2 = 0",
    "a long string": "UPDATE StringIds SET value = hex(zeroblob(4000000)) WHERE id = 5",
    "strings as bytes": "UPDATE StringIds SET value = x'fffe80'",
    "a table without rowid": (
        f"ALTER TABLE {MEMSET} RENAME TO old; CREATE TABLE {MEMSET} (start INTEGER, end INTEGER, deviceId INTEGER, "
        "streamId INTEGER, correlationId INTEGER PRIMARY KEY, globalPid INTEGER, bytes INTEGER, value INTEGER) "
        f"WITHOUT ROWID; INSERT OR IGNORE INTO {MEMSET} SELECT start, end, deviceId, streamId, correlationId, "
        "globalPid, bytes, value FROM old; DROP TABLE old"
    ),
    "a view for a table": f"ALTER TABLE {KERNEL} RENAME TO old; CREATE VIEW {KERNEL} AS SELECT * FROM old",
    "an endless view for a table": (
        f"DROP TABLE {MEMSET}; CREATE VIEW {MEMSET} AS WITH RECURSIVE n(start) AS (SELECT 1 UNION ALL SELECT "
        "start + 1 FROM n) SELECT start, start AS end, start AS correlationId, start AS globalPid, 1 AS bytes FROM n"
    ),
    "a table with a quote in its name": 'CREATE TABLE "a""b\'c" (x INTEGER)',
}
SHIFTED = {
    "NVTX twice": "INSERT INTO NVTX_EVENTS SELECT * FROM NVTX_EVENTS",
    "strings with zeros": "UPDATE StringIds SET value = value || char(0) || 'x'",
    "kernels take twice as long": f"UPDATE {KERNEL} SET end = end + (end - start) WHERE rowid % 7 = 3",
    "two ranges swap names": "UPDATE NVTX_EVENTS SET textId = (SELECT textId FROM NVTX_EVENTS WHERE rowid = 9) "
    "WHERE rowid = 15",
    "a grid is doubled": f"UPDATE {KERNEL} SET gridX = gridX * 2 WHERE rowid = 5",
    "another stream": f"UPDATE {KERNEL} SET streamId = streamId + 1 WHERE rowid = 5",
    "a string is another": "UPDATE StringIds SET value = 'k' WHERE id IN "
    f"(SELECT demangledName FROM {KERNEL} WHERE rowid = 5)",
    "a call and its kernel are gone": f"DELETE FROM {RUNTIME} WHERE correlationId = (SELECT correlationId FROM "
    f"{KERNEL} WHERE rowid = 5); DELETE FROM {KERNEL} WHERE rowid = 5",
}
"""Changes to what the same program might have recorded: no reader can tell."""


def cases() -> list[Case]:
    """400 damaged traces, and some whose damage nobody could see."""
    sql = [*_columns(), *_tables(), *SPECIAL.items()]
    first = [_case(name, _by_sql(text)) for name, text in sql if "textId" in name or "value" in name]
    first += [_case(name, _by_sql(text)) for name, text in SPECIAL.items()]
    first += [_case(name, _by_bytes(change)) for name, change in _bytes()]
    taken = {case.name for case in first}
    rest = [_case(name, _by_sql(text)) for name, text in sql if name not in taken]
    unseen = [_case(name, _by_sql(text), PLAUSIBLE) for name, text in SHIFTED.items()]
    return [*first, *chosen(KIND, rest, COUNT - len(first)), *unseen]


def _case(name: str, damage: Callable[[Path], None], kind: str = KIND) -> Case:
    def make(folder: Path) -> Sequence[str]:
        damage(copied(BASE, folder / "trace.sqlite"))
        return _words(folder)

    def whole(folder: Path) -> Sequence[str]:
        copied(BASE, folder / "trace.sqlite")
        return _words(folder)

    wanted = GOOD | {Outcome.SILENT} if kind == PLAUSIBLE else GOOD
    return Case(kind, name, compared(make, whole, "timeline"), wanted)


def _words(folder: Path) -> Sequence[str]:
    return ["timeline", str(folder / "trace.sqlite"), "--json"]


def _columns() -> Iterator[tuple[str, str]]:
    for table, columns in COLUMNS.items():
        for c in columns:
            at = f"{table.removeprefix('CUPTI_ACTIVITY_KIND_')}.{c}"
            if at != "StringIds.id":
                yield f"{at} is not there", f'ALTER TABLE {table} DROP COLUMN "{c}"'
            yield f"{at} has another name", f'ALTER TABLE {table} RENAME COLUMN "{c}" TO "{c}_2"'
            for what, value in VALUES.items():
                if (at == "StringIds.id" and what not in _FOR_ROWIDS) or _might_be(at, what):
                    continue
                for where, condition in EVERY.items():
                    new = value.format(c=f'"{c}"')
                    yield f"{at} {what} {where}", f'UPDATE OR IGNORE {table} SET "{c}" = {new} {condition}'


def _might_be(at: str, what: str) -> bool:
    """Whether an honest export might hold such a value: no reader can tell."""
    column = at.rpartition(".")[2]
    if column in ("value", "text"):
        return what not in ("is null", "is a blob")
    if what == "dangles":
        return column not in ("id", "textId", "demangledName", "shortName", "correlationId", "globalPid")
    whole = what in ("is -1", "is the largest integer", "is the smallest integer")
    return whole and column in ("eventType", "eventClass", "copyKind", "domainId", "graphNodeId", "streamId")


def _tables() -> Iterator[tuple[str, str]]:
    for table in COLUMNS:
        if table in (MEMCPY, MEMSET):  # a table without rows is not written: the program may have done neither
            continue
        yield f"{table} is not there", f"DROP TABLE {table}"
        yield f"{table} has another name", f"ALTER TABLE {table} RENAME TO {table}_2"
        yield f"{table} is empty", f"DELETE FROM {table}"


def _by_sql(text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        database = sqlite3.connect(path, isolation_level=None)
        # A damaged value is one that the declared type would not take: tables are made loose first.
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
        database.execute("PRAGMA writable_schema = RESET")
        try:
            database.executescript(text)
        finally:
            database.close()

    return change


def _bytes() -> Iterator[tuple[str, Callable[[bytearray], bytes]]]:
    """Damage to the file as bytes."""
    for part in (0, 0.0001, 0.001, 0.25, 0.5, 0.9, 0.99):
        yield f"cut at {part:.2%}", lambda data, p=part: bytes(data[: int(len(data) * p)])  # type: ignore[misc]
    yield "cut by one byte", lambda data: bytes(data[:-1])
    yield "cut, with the page count gone", lambda data: bytes(data[:28] + bytes(4) + data[32 : len(data) // 2])
    yield "no database", lambda data: b"this is not a database" * 1000
    yield "another magic", lambda data: b"SQLite format 4" + bytes(data[15:])
    yield "page size 0", lambda data: bytes(data[:16] + b"\0\0" + data[18:])
    yield "twice in one file", lambda data: bytes(data + data)
    for number in range(10):
        yield f"a page of zeros ({number})", lambda data, n=number: _page(data, n, zero=True)  # type: ignore[misc]
        yield f"random bytes ({number})", lambda data, n=number: _page(data, n, zero=False)  # type: ignore[misc]


def _page(data: bytearray, number: int, zero: bool) -> bytes:
    source = random.Random(number)
    if zero:
        at = 4096 * source.randrange(1, len(data) // 4096)
        data[at : at + 4096] = bytes(4096)
    else:
        for _ in range(40):
            data[source.randrange(100, len(data))] = source.randrange(256)
    return bytes(data)


def _by_bytes(change: Callable[[bytearray], bytes]) -> Callable[[Path], None]:
    return lambda path: _rewrite(path, change)


def _rewrite(path: Path, change: Callable[[bytearray], bytes]) -> None:
    path.write_bytes(change(bytearray(path.read_bytes())))
