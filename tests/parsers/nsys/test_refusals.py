"""What is no trace, or a damaged one, is refused by name; a report is read through an exporter; nothing stays open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from roofprof.errors import ReportError, RoofprofError
from roofprof.parsers.nsys.trace import read_nsys_trace


def test_no_file_and_no_database(tmp_path: Path):
    with pytest.raises(ReportError, match="no such file"):
        read_nsys_trace(tmp_path / "absent.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("start,end\n1,2\n")
    with pytest.raises(ReportError, match="not a SQLite database"):
        read_nsys_trace(text)
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    with pytest.raises(ReportError, match="not a SQLite database"):
        read_nsys_trace(empty)
    (tmp_path / "x.ncu-rep").touch()
    with pytest.raises(ReportError, match="report of ncu"):
        read_nsys_trace(tmp_path / "x.ncu-rep")


def test_another_tools_database(tmp_path: Path):
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE messages (id INTEGER)")
    database.close()
    with pytest.raises(ReportError, match="not an export of nsys: its tables are messages"):
        read_nsys_trace(path)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_database(export, kept: float):
    for number in range(2000):
        export.launch(10 * number, 1000 + 10 * number, 1005 + 10 * number, number + 1)
    path = export.write()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(ReportError, match="truncated"):
        read_nsys_trace(path)


def test_a_database_with_damaged_pages(export):
    for number in range(2000):
        export.launch(10 * number, 1000 + 10 * number, 1005 + 10 * number, number + 1)
    path = export.write()
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(bytes(content))
    with pytest.raises(ReportError, match="cannot read"):
        read_nsys_trace(path)


def test_a_locked_database(export):
    export.launch(10, 1000, 1100, 1)
    path = export.write()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(ReportError, match="locked by another program"):
            read_nsys_trace(path)
    finally:
        writer.execute("ROLLBACK")
        writer.close()


def test_directories_without_tables_and_with_damaged_ones(tmp_path: Path, export):
    (tmp_path / "none").mkdir()
    with pytest.raises(ReportError, match=r"no \.parquet files"):
        read_nsys_trace(tmp_path / "none")
    export.launch(10, 1000, 1100, 1)
    folder = export.write_parquet(tmp_path / "bad")
    (folder / "CUPTI_ACTIVITY_KIND_KERNEL.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(ReportError, match=r"KERNEL\.parquet"):
        read_nsys_trace(folder)


def test_a_report_is_read_through_the_exporter_that_is_given(export, tmp_path: Path):
    export.launch(10, 1000, 1100, 1)
    exports = export.write()
    report = tmp_path / "run.nsys-rep"
    report.touch()
    opened: list[str] = []

    @contextmanager
    def exporter(path: Path) -> Iterator[Path]:
        opened.append(path.name)
        yield exports
        opened.append("closed")

    trace = read_nsys_trace(report, exporter)
    assert (trace.kernels.height, trace.source) == (1, "run.nsys-rep")
    assert opened == ["run.nsys-rep", "closed"]


def test_a_report_without_an_exporter_says_how_to_export(tmp_path: Path):
    report = tmp_path / "run.nsys-rep"
    report.touch()
    with pytest.raises(RoofprofError, match="must be exported") as caught:
        read_nsys_trace(report)
    assert caught.value.hint == "run: nsys export -t sqlite -o run.sqlite run.nsys-rep"


@pytest.mark.parametrize("damaged", [False, True])
def test_a_trace_is_read_over_one_connection_which_is_closed(export, damaged: bool, monkeypatch: pytest.MonkeyPatch):
    export.range(0, 30, "op")
    export.launch(10, 1000, 1100, 1)
    export.memcpy(1200, 1210, 2)
    path = export.write()
    if damaged:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("ALTER TABLE StringIds RENAME TO Strings")
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counted(*args, **options) -> sqlite3.Connection:
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", counted)
    with pytest.raises(ReportError) if damaged else nullcontext():
        read_nsys_trace(path)
    assert len(opened) == 1
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
