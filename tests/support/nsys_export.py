"""A writer of small nsys exports, and the answer of `nsys stats` to them by its own rule in plain SQL."""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest

PID, TID = 100, 101

TABLES = {
    "StringIds": "id INTEGER PRIMARY KEY, value TEXT",
    "META_DATA_EXPORT": "name TEXT, value TEXT",
    "CUPTI_ACTIVITY_KIND_KERNEL": (
        "start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, "
        "demangledName INTEGER, shortName INTEGER, gridX INTEGER, gridY INTEGER, gridZ INTEGER, blockX INTEGER, "
        "blockY INTEGER, blockZ INTEGER, graphNodeId INTEGER"
    ),
    "CUPTI_ACTIVITY_KIND_MEMCPY": (
        "start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, "
        "bytes INTEGER, copyKind INTEGER, graphNodeId INTEGER"
    ),
    "CUPTI_ACTIVITY_KIND_MEMSET": (
        "start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, "
        "bytes INTEGER, value INTEGER, graphNodeId INTEGER"
    ),
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": (
        "start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, "
        "graphId INTEGER"
    ),
    "CUPTI_ACTIVITY_KIND_RUNTIME": (
        "start INTEGER, end INTEGER, eventClass INTEGER, globalTid INTEGER, correlationId INTEGER, nameId INTEGER"
    ),
    "NVTX_EVENTS": (
        "start INTEGER, end INTEGER, eventType INTEGER, text TEXT, globalTid INTEGER, endGlobalTid INTEGER, "
        "textId INTEGER, domainId INTEGER"
    ),
    "CUDA_GRAPH_NODE_EVENTS": (
        "start INTEGER, end INTEGER, globalTid INTEGER, graphNodeId INTEGER, originalGraphNodeId INTEGER"
    ),
    "DIAGNOSTIC_EVENT": "timestamp INTEGER, severity INTEGER, text TEXT",
}


def process(pid: int = PID) -> int:
    return pid << 24


def thread(tid: int = TID, pid: int = PID) -> int:
    return process(pid) | tid


class Export:
    """Rows of an export; a table is written only where it has rows, as nsys does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, list[tuple]] = {"StringIds": [], "META_DATA_EXPORT": [("EXPORT_SCHEMA_VERSION", "3.20")]}
        self._strings: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._call = 1

    def string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = len(self._strings) + 10
            self.row("StringIds", self._strings[text], text)
        return self._strings[text]

    def unfound(self, first: str = "GpuMetrics") -> str:
        """A name for kernels whose name nsys does not find: it writes its own string 0, the first, in its place."""
        if "unfound" not in self._strings:
            self._strings["unfound"] = 0
            self.row("StringIds", 0, first)
        return "unfound"

    def row(self, table: str, *values: object) -> None:
        self._rows.setdefault(table, []).append(values)

    def api(self, start: int, end: int, correlation: int, *, tid: int = TID, pid: int = PID, event_class: int = 0):
        self.row("CUPTI_ACTIVITY_KIND_RUNTIME", start, end, event_class, thread(tid, pid), correlation, self._call)

    def kernel(
        self,
        start: int,
        end: int,
        correlation: int,
        name: str = "kernel",
        *,
        pid: int = PID,
        stream: int = 7,
        grid: tuple[int, int, int] = (8, 1, 1),
        block: tuple[int, int, int] = (128, 1, 1),
        node: int | None = None,
        device: int = 0,
        demangled: str | None = None,
    ):
        names = (self.string(demangled or f"void {name}<int>()"), self.string(name))
        where = (device, stream, correlation, process(pid))
        self.row("CUPTI_ACTIVITY_KIND_KERNEL", start, end, *where, *names, *grid, *block, node)

    def launch(self, call: int, start: int, end: int, correlation: int, name: str = "kernel", **more):
        """A kernel and its API call, which lasts 5 ns from `call` on."""
        tid = more.pop("tid", TID)
        self.api(call, call + 5, correlation, tid=tid, pid=more.get("pid", PID))
        self.kernel(start, end, correlation, name, **more)

    def call(self, name: str):
        """Name the API calls that are made from here on."""
        self.string(name)
        self._call = self._strings[name]

    def rename(self, table: str, name: str):
        """Write a table under another name."""
        self._names[table] = name

    def memcpy(
        self, start: int, end: int, correlation: int, size: int = 64, kind: int = 8, *, device: int = 0, pid: int = PID
    ):
        where = (device, 7, correlation, process(pid))
        self.row("CUPTI_ACTIVITY_KIND_MEMCPY", start, end, *where, size, kind, None)

    def memset(self, start: int, end: int, correlation: int, size: int = 64):
        self.row("CUPTI_ACTIVITY_KIND_MEMSET", start, end, 0, 7, correlation, process(), size, 0, None)

    def graph_trace(self, start: int, end: int, correlation: int):
        self.row("CUPTI_ACTIVITY_KIND_GRAPH_TRACE", start, end, 0, 7, correlation, process(), 1)

    def node(self, created: int, node: int, original: int | None = None, *, tid: int = TID):
        self.row("CUDA_GRAPH_NODE_EVENTS", created, created + 1, thread(tid), node, original)

    def range(
        self,
        start: int,
        end: int | None,
        name: str | None,
        *,
        registered: str | None = None,
        kind: int = 59,
        tid: int = TID,
        pid: int = PID,
        end_tid: int | None = None,
        domain: int | None = 0,
    ):
        text_id = self.string(registered) if registered is not None else None
        ended = thread(end_tid, pid) if end_tid is not None else None
        self.row("NVTX_EVENTS", start, end, kind, name, thread(tid, pid), ended, text_id, domain)

    def domain(self, number: int, name: str, *, pid: int = PID):
        self.row("NVTX_EVENTS", 0, None, 75, name, thread(pid=pid), None, None, number)

    def diagnostic(self, text: str, severity: int = 2):
        self.row("DIAGNOSTIC_EVENT", 0, severity, text)

    def write(self) -> Path:
        self.path.unlink(missing_ok=True)
        database = sqlite3.connect(self.path)
        for table, rows in self._rows.items():
            name = self._names.get(table, table)
            database.execute(f"CREATE TABLE {name} ({TABLES[table]})")
            marks = ", ".join("?" * len(TABLES[table].split(", ")))
            database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        database.commit()
        database.close()
        return self.path

    def write_parquet(self, folder: Path) -> Path:
        """The same as a directory of Parquet files, one a table."""
        folder.mkdir()
        for table, rows in self._rows.items():
            columns = [c.split()[:2] for c in TABLES[table].split(", ")]
            schema = {name: pl.String if kind == "TEXT" else pl.Int64 for name, kind in columns}
            pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / f"{table}.parquet")
        return folder


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "trace.sqlite")


@pytest.fixture
def new_export(tmp_path: Path) -> Callable[[str], Export]:
    return lambda name: Export(tmp_path / name)


@pytest.fixture(scope="session")
def nsys_stats() -> Callable[[Path], list[tuple[int, int, int, int]]]:
    """What nsys stats -r nvtx_gpu_proj_trace answers: (RangeId, Projected Start, Projected Duration, NumGPUOps).

    A quadratic join by the rule of the report's documentation: a GPU operation belongs to a range if the API call
    that launched it lies within; ranges that end on another thread are left out; an open range ends with the last
    event of any range; operations are counted by correlation id.
    """

    def answer(path: Path) -> list[tuple[int, int, int, int]]:
        database = sqlite3.connect(path)
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        work = [f"CUPTI_ACTIVITY_KIND_{kind}" for kind in ("KERNEL", "MEMCPY", "MEMSET")]
        union = " UNION ALL ".join(
            f"SELECT start, end, correlationId, globalPid FROM {table}" for table in _present(work, tables)
        )
        rows = database.execute(
            f"""
            WITH operation AS ({union}),
                 span AS (SELECT rowid AS id, * FROM NVTX_EVENTS WHERE eventType IN (59, 60, 70, 71)),
                 last AS (SELECT max(max(start), max(end)) AS time FROM span)
            SELECT span.id, min(operation.start), max(operation.end) - min(operation.start),
                   count(DISTINCT call.correlationId)
            FROM operation
            JOIN CUPTI_ACTIVITY_KIND_RUNTIME AS call
                ON call.correlationId = operation.correlationId
                AND call.globalTid & 0xFFFFFFFFFF000000 = operation.globalPid
            JOIN span ON span.globalTid = call.globalTid AND span.endGlobalTid IS NULL
                AND span.start <= call.start AND ifnull(span.end, (SELECT time FROM last)) >= call.end
            GROUP BY span.id ORDER BY span.id
            """.replace("0xFFFFFFFFFF000000", str(~0xFFFFFF))
        ).fetchall()
        database.close()
        return rows

    return answer


def _present(wanted: Iterable[str], tables: set[str]) -> list[str]:
    return [name for name in wanted if name in tables]
