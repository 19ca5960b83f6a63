"""A trace whose columns, ids or values are damaged is refused by name, or says what was lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.parsers.nsys.layout import MAX_NAME
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.frames import with_shapes
from roofprof.timeline.nesting import MAX_DEPTH
from roofprof.timeline.timeline import build_timeline

KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"


@pytest.fixture
def whole(export) -> Path:
    """Three ops with one kernel each in a layer, and a memset."""
    export.domain(1, "roofprof")
    export.range(0, 400, None, registered="layer", domain=1)
    for number, name in enumerate(("norm", "gemm", "topk"), 1):
        at = 100 * number
        export.range(at, at + 50, None, registered=name, domain=1)
        export.launch(at + 10, at + 1000, at + 1050, number, name)
    export.api(390, 395, 9)
    export.memset(2000, 2010, 9)
    return export.write()


def change(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(sql)
    return path


def said(path: Path, kind: str) -> list[Finding]:
    return [f for f in build_timeline(read_nsys_trace(path)).findings if f.kind == kind]


def sizes(path: Path, column: str) -> list[int | None]:
    """A column of the shapes of all kernels."""
    trace = read_nsys_trace(path)
    return with_shapes(trace.kernels, trace.shapes)[column].to_list()


def test_a_whole_trace_says_nothing(whole: Path):
    assert [f.kind for f in build_timeline(read_nsys_trace(whole)).findings] == []


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("StringIds", "value"), ("NVTX_EVENTS", "start"), ("NVTX_EVENTS", "eventType"), ("NVTX_EVENTS", "globalTid"),
        (KERNEL, "end"), (KERNEL, "correlationId"), ("CUPTI_ACTIVITY_KIND_RUNTIME", "globalTid"),
        ("CUPTI_ACTIVITY_KIND_MEMSET", "start"),
    ],
)  # fmt: skip
def test_a_column_that_nothing_can_be_said_without_is_named(whole: Path, table: str, column: str):
    change(whole, f'ALTER TABLE {table} RENAME COLUMN "{column}" TO other')
    with pytest.raises(ReportError, match=rf"trace\.sqlite lacks the column {column} of {table}"):
        read_nsys_trace(whole)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("NVTX_EVENTS", "textId"), ("NVTX_EVENTS", "text"), ("NVTX_EVENTS", "domainId"), (KERNEL, "deviceId"),
        (KERNEL, "shortName"), (KERNEL, "blockY"), ("CUPTI_ACTIVITY_KIND_MEMSET", "bytes"),
    ],
)  # fmt: skip
def test_what_is_lost_with_another_column_is_said(whole: Path, table: str, column: str):
    change(whole, f'ALTER TABLE {table} DROP COLUMN "{column}"')
    found = said(whole, "trace-column-missing")
    assert [(f.values["table"], f.values["column"]) for f in found] == [(table, column)]
    assert found[0].message.startswith(f"{table} has no column {column}: ")


@pytest.mark.parametrize(
    ("sql", "ranges", "kernels"),
    [
        ("UPDATE NVTX_EVENTS SET textId = textId + 1000 WHERE textId = 10", 1, 0),
        ("UPDATE NVTX_EVENTS SET textId = NULL WHERE eventType = 59", 4, 0),
        ("DELETE FROM StringIds WHERE value = 'gemm'", 1, 1),
        (f"UPDATE {KERNEL} SET shortName = 7 WHERE rowid < 3", 0, 2),
    ],
)
def test_names_that_are_gone_are_counted(whole: Path, sql: str, ranges: int, kernels: int):
    counts: dict[str, int] = {}
    for finding in said(change(whole, sql), "name-unknown"):
        counts |= {key: value for key, value in finding.values.items() if value}
    assert counts == {key: value for key, value in {"ranges": ranges, "kernels": kernels}.items() if value}


@pytest.mark.parametrize("value", ["'soon'", "x'0102'", "1.5", "9e999", "NULL", "-1", "0", "4294967296"])
def test_sizes_that_cannot_be_are_unknown_and_said(whole: Path, value: str):
    change(whole, f"UPDATE {KERNEL} SET gridX = {value} WHERE rowid = 2")
    assert sizes(whole, "grid_x") == [8, None, 8]
    message = said(whole, "trace-value")[0].message
    assert message.startswith(f"1 of 3 values of {KERNEL}.gridX are not 1 to 2147483647: ")


def test_the_same_values_in_parquet(whole: Path, export, tmp_path: Path):
    folder = export.write_parquet(tmp_path / "parquet")
    file = folder / f"{KERNEL}.parquet"
    size = pl.Series([8, 2**40, None], dtype=pl.Int64)
    pl.read_parquet(file).with_columns(size.alias("gridX"), pl.lit("wide").alias("gridY")).write_parquet(file)
    assert sizes(folder, "grid_x") == [8, None, None]
    assert {f.values["column"]: f.values["count"] for f in said(folder, "trace-value")} == {"gridX": 2, "gridY": 3}


@pytest.mark.parametrize("rowids", [(2**63 - 1,), (2**63 - 1, -(2**63) + 1), (2**62,)])
def test_rowids_at_the_ends_of_integers(whole: Path, rowids: tuple[int, ...]):
    for row, rowid in enumerate(rowids, 1):
        change(whole, f"UPDATE {KERNEL} SET rowid = {rowid} WHERE rowid = {row}")
    assert sorted(read_nsys_trace(whole).kernels["start_ns"].to_list()) == [1100, 1200, 1300]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE NVTX_EVENTS SET end = 500 WHERE start = 100", "range-crossing"),
        ("UPDATE NVTX_EVENTS SET end = 9223372036854775806 WHERE start = 100", "trace-value"),
        ("UPDATE NVTX_EVENTS SET start = -1 WHERE start = 200", "range-crossing"),
        ("UPDATE NVTX_EVENTS SET start = 'soon' WHERE start = 100", "trace-value"),
        ("UPDATE NVTX_EVENTS SET domainId = NULL WHERE start = 100", "range-without-domain"),
        (f"UPDATE {KERNEL} SET end = 9223372036854775806 WHERE rowid = 1", "trace-value"),
        (f"UPDATE {KERNEL} SET start = -1000000 WHERE rowid = 1", "trace-order"),
        (f"UPDATE {KERNEL} SET correlationId = 1", "trace-order"),
        ("UPDATE CUPTI_ACTIVITY_KIND_RUNTIME SET start = -1 WHERE correlationId = 2", "trace-order"),
        ("UPDATE CUPTI_ACTIVITY_KIND_RUNTIME SET globalTid = globalTid + 1", "nothing-attributed"),
        (f"DROP TABLE {KERNEL}", "no-kernels"),
    ],
)
def test_an_order_that_cannot_have_been_is_said(whole: Path, sql: str, kind: str):
    assert said(whole, kind) == []
    assert len(said(change(whole, sql), kind)) == 1


def test_a_view_in_place_of_a_table_is_refused(whole: Path):
    change(whole, f"ALTER TABLE {KERNEL} RENAME TO k; CREATE VIEW {KERNEL} AS SELECT * FROM k")
    with pytest.raises(ReportError, match="KERNEL is a view and not a table"):
        read_nsys_trace(whole)


# Bounds


def test_ranges_that_never_close_do_not_nest_without_end(export):
    count = 20 * MAX_DEPTH
    for number in range(count):
        export.range(10 * number, None, f"open {number}")
        export.launch(10 * number + 1, 100_000 + 10 * number, 100_005 + 10 * number, number + 1)
    timeline = build_timeline(read_nsys_trace(export.write()))
    assert max(map(len, timeline.paths)) == MAX_DEPTH + 1
    assert [f.values["count"] for f in timeline.findings if f.kind == "range-too-deep"] == [count - MAX_DEPTH]
    assert timeline.layer["calls"] == count - 1  # all end where the last one starts, before its launch


def test_a_name_of_megabytes_is_cut(export, tmp_path: Path):
    export.range(0, 100, "a" * 3_000_000)
    export.launch(10, 1000, 1100, 1)
    for path in (export.write(), export.write_parquet(tmp_path / "parquet")):
        trace = read_nsys_trace(path)
        assert trace.ranges["name"].str.len_chars().to_list() == [MAX_NAME]
        assert [f.values["column"] for f in trace.findings if f.kind == "trace-value"] == ["text"]


def test_a_value_of_hundreds_of_megabytes_is_refused(whole: Path):
    change(whole, f"UPDATE {KERNEL} SET gridX = zeroblob(200000000) WHERE rowid = 1")
    with pytest.raises(ReportError, match="too big"):
        read_nsys_trace(whole)
