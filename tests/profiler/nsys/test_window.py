"""The part of a trace that is kept: what ncu profiles in the other runs, and nothing else."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from roofprof.profiler.nsys.scrub import scrub
from roofprof.profiler.nsys.window import Cut

ONE, TWO = 100 << 24 | 101, 200 << 24 | 201
"""Threads of two processes."""
TABLES = """
CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
CREATE TABLE NVTX_EVENTS (start INTEGER, end INTEGER, eventType INTEGER, text TEXT, globalTid INTEGER, textId INTEGER,
    domainId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER, end INTEGER, globalTid INTEGER, correlationId INTEGER,
    nameId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER, correlationId INTEGER, globalPid INTEGER,
    shortName INTEGER, graphNodeId INTEGER);
"""
NAMES = ["cudaLaunchKernel_v7000", "cudaProfilerStart_v4000", "cudaProfilerStop_v4000", "kernel"]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Process 1 launches at 10, 20, ..., 90, process 2 at 25; regions of process 1 from 15 to 35 and from 75 on."""
    path = tmp_path / "trace.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TABLES)
        database.executemany("INSERT INTO StringIds VALUES (?, ?)", enumerate(NAMES))
        calls = [(t, ONE, 0) for t in range(10, 100, 10)] + [(25, TWO, 0)]
        calls += [(15, ONE, 1), (35, ONE, 2), (75, ONE, 1)]
        for number, (time, thread, name) in enumerate(calls, 1):
            row = (time, time + 1, thread, number, name)
            database.execute("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, ?, ?, ?)", row)
            if not name:
                kernel = (time + 500, time + 501, number, thread >> 24 << 24, 3)
                database.execute("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?, ?, ?, ?, ?, NULL)", kernel)
        ranges = [(18, 32, "step", ONE), (48, 62, "step", ONE), (18, 92, "other", TWO)]
        database.executemany("INSERT INTO NVTX_EVENTS VALUES (?, ?, 59, ?, ?, NULL, 0)", ranges)
        database.commit()
    return path


def times(path: Path, trace: Path, cut: Cut) -> list[int]:
    scrub(trace, path, within=cut)
    with closing(sqlite3.connect(path)) as database:
        return [t - 500 for (t,) in database.execute("SELECT start FROM CUPTI_ACTIVITY_KIND_KERNEL ORDER BY start")]


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        (Cut("all"), [10, 20, 25, *range(30, 100, 10)]),
        (Cut("api"), [20, 30, 80, 90]),
        (Cut("nvtx", "step"), [20, 30, 50, 60]),
        (Cut("nvtx", "other"), [25]),
        (Cut("layers", "st*"), [20, 25, 30, 40, 50, 60]),
        (Cut("api", skip=1, count=2), [30, 80]),
        (Cut("api", warmup=1), [80, 90]),
        (Cut("nvtx", "step", warmup=1), [50, 60]),
        (Cut("nvtx", "step", warmup=1, count=1), [50]),
        (Cut("all", skip=8), [80, 90]),
        (Cut("all", count=2), [10, 20]),
        (Cut("all", skip=99), []),
        (Cut("nvtx", "absent"), [10, 20, 25, *range(30, 100, 10)]),
    ],
)
def test_a_part_of_a_trace(tmp_path: Path, trace: Path, cut: Cut, kept: list[int]) -> None:
    assert times(tmp_path / "kept.sqlite", trace, cut) == kept


def test_regions_and_graphs_are_counted(tmp_path: Path, trace: Path) -> None:
    kept = scrub(trace, tmp_path / "kept.sqlite")
    assert (kept.profiler_regions, kept.graph_launches, kept.kernels) == (2, 0, 10)
    with closing(sqlite3.connect(trace)) as database:
        database.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET graphNodeId = 9 WHERE correlationId < 4")
        database.commit()
    assert scrub(trace, tmp_path / "kept.sqlite").graph_launches == 3
    assert scrub(trace, tmp_path / "kept.sqlite", within=lambda n: Cut("api" if n else "all")).operations == 4


def test_a_trace_without_api_calls_tells_nothing(tmp_path: Path, trace: Path) -> None:
    with closing(sqlite3.connect(trace)) as database:
        database.execute("DROP TABLE CUPTI_ACTIVITY_KIND_RUNTIME")
        database.commit()
    assert scrub(trace, tmp_path / "kept.sqlite", within=Cut("api")).profiler_regions is None
