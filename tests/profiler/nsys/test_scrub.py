"""No secret leaves: canaries in every place where nsys puts them, looked for in every byte of what is kept."""

import sqlite3
from pathlib import Path

import pytest

from roofprof.errors import ReportError, RoofprofError
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.profiler.nsys.export import keep_scrubbed
from roofprof.profiler.nsys.scrub import scrub
from roofprof.profiler.nsys.window import Cut
from roofprof.timeline.timeline import build_timeline

CANARY = "canary-5f2d"
UUID = "65331d3c-b442-3c48-cae1-000000000000"


@pytest.fixture
def leaky(export) -> Path:
    """An export with a secret in every table that nsys has, and in odd places of those that are kept."""
    export.domain(1, "roofprof")
    export.range(0, 100, "op", domain=1)
    export.range(110, 150, None, registered="registered", domain=1)
    export.launch(10, 1000, 1100, 1, "gemm")
    export.launch(120, 1200, 1300, 2, "gemm")
    export.api(130, 135, 3)
    export.memcpy(1400, 1450, 3)
    export.api(300, 305, 99)  # launches nothing
    export.range(200, None, f"{CANARY}-thread-name", kind=39)
    export.range(210, None, f"{CANARY}-mark", kind=34)
    export.diagnostic(f"Not all CUDA events might have been collected in /home/{CANARY}/run")
    export.diagnostic(f"Environment variable {CANARY} is set")
    for text in (f"TOKEN={CANARY}", f"--password={CANARY}", f"/home/{CANARY}", f"{CANARY}.example.org"):
        export.string(text)
    path = export.write()
    database = sqlite3.connect(path)
    database.executescript(
        f"""
        CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT, name TEXT, value TEXT);
        INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (1, 'DeviceEnvironment', 'environ', 'TOKEN={CANARY}');
        CREATE TABLE PROCESSES (globalPid INTEGER, pid INTEGER, name TEXT);
        INSERT INTO PROCESSES VALUES (1, 100, '{CANARY}');
        CREATE TABLE ThreadNames (nameId INTEGER, priority INTEGER, globalTid INTEGER);
        CREATE TABLE ANALYSIS_FILE (id INTEGER, filename TEXT, content TEXT);
        INSERT INTO ANALYSIS_FILE VALUES (1, '/home/{CANARY}', '{CANARY}');
        CREATE TABLE TARGET_INFO_GPU (id INTEGER, name TEXT, busLocation TEXT, smCount INTEGER, uuid TEXT,
            chipName TEXT, ctxswDevPath TEXT);
        INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H100', '0000:{CANARY}', 132, '{UUID}', 'GH100', '{CANARY}');
        INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PARAM_INPUT_FILE', '/home/{CANARY}/x.nsys-rep');
        ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL ADD COLUMN newText TEXT;
        UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET newText = '{CANARY}';
        UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET blockZ = '{CANARY}' WHERE rowid = 2;
        ALTER TABLE NVTX_EVENTS ADD COLUMN jsonText TEXT;
        UPDATE NVTX_EVENTS SET jsonText = '{CANARY}';
        CREATE VIEW leak AS SELECT '{CANARY}';
        """
    )
    database.commit()
    database.close()
    return path


def test_no_canary_is_left_in_any_byte(leaky: Path, tmp_path: Path):
    assert CANARY.encode() in leaky.read_bytes()
    target = tmp_path / "kept" / "run.sqlite"
    target.parent.mkdir()
    scrub(leaky, target)
    assert [file.name for file in target.parent.iterdir()] == ["run.sqlite"]
    content = target.read_bytes()
    for secret in (CANARY, UUID, "TOKEN", "password"):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert secret.encode(encoding) not in content
    database = sqlite3.connect(target)
    assert {row[0] for row in database.execute("SELECT name FROM sqlite_master")} == {
        "CUPTI_ACTIVITY_KIND_KERNEL",
        "CUPTI_ACTIVITY_KIND_MEMCPY",
        "CUPTI_ACTIVITY_KIND_RUNTIME",
        "NVTX_EVENTS",
        "TARGET_INFO_GPU",
        "StringIds",
        "META_DATA_EXPORT",
        "DIAGNOSTIC_EVENT",
    }
    names = {row[0] for row in database.execute("SELECT value FROM StringIds")}
    assert names == {"gemm", "void gemm<int>()", "registered"}
    assert database.execute("SELECT text FROM DIAGNOSTIC_EVENT").fetchall() == [
        ("Not all CUDA events might have been collected.",)
    ]
    database.close()


def test_the_timeline_is_the_same_after_scrubbing(leaky: Path, tmp_path: Path):
    scrub(leaky, tmp_path / "kept.sqlite")
    before, after = (build_timeline(read_nsys_trace(p)) for p in (leaky, tmp_path / "kept.sqlite"))
    times = ("op", "nvtx_path", "calls", "nsys_duration_ns", "nsys_projected_ns", "share", "memory_operations")
    assert [[op[t] for t in times] for op in before.ops] == [[op[t] for t in times] for op in after.ops]
    assert "dropped-events" in [f.kind for f in after.findings]


def test_only_what_was_launched_in_the_wanted_ranges_is_kept(export, tmp_path: Path):
    export.domain(1, "roofprof")
    for start in (100, 300):  # two calls of one case; what lies between them stays
        export.range(start, start + 50, "decode:case:b1:s64", domain=1)
    export.range(700, 750, None, registered="decode:case:b2:s64", domain=1)
    export.range(0, 2000, "prefill:case:b1:s64", domain=1)
    for number, start in enumerate((10, 110, 200, 310, 500, 710, 900)):
        export.launch(start, 10_000 + start, 10_050 + start, number, "gemm")
    source = export.write()
    assert scrub(source, tmp_path / "kept.sqlite", within=Cut("layers", "decode:case:*"))[:2] == (4, 3)
    database = sqlite3.connect(tmp_path / "kept.sqlite")
    for table in ("KERNEL", "RUNTIME"):
        rows = database.execute(f"SELECT correlationId FROM CUPTI_ACTIVITY_KIND_{table}").fetchall()
        assert rows == [(1,), (2,), (3,), (5,)]
    database.close()
    assert scrub(source, tmp_path / "kept.sqlite", within=Cut("layers", "nothing:*"))[:2] == (7, 0)


def test_names_are_cleaned(leaky: Path, tmp_path: Path):
    scrub(leaky, tmp_path / "kept.sqlite", clean=lambda name: name.replace("gemm", "xxxx").replace("op", "xx"))
    database = sqlite3.connect(tmp_path / "kept.sqlite")
    assert {row[0] for row in database.execute("SELECT value FROM StringIds")} == {
        "xxxx", "void xxxx<int>()", "registered",
    }  # fmt: skip
    assert ("xx",) in database.execute("SELECT text FROM NVTX_EVENTS").fetchall()
    database.close()


def test_scrubbing_twice_changes_nothing(data: Path, tmp_path: Path):
    source = data / "h100-decode-b64-s4096.sqlite"
    scrub(source, tmp_path / "again.sqlite")
    files = [path.read_bytes() for path in (tmp_path / "again.sqlite", source)]
    old, new = (data[:92] + data[100:] for data in files)  # without the version of SQLite that wrote it
    assert old == new


def test_scrubbing_another_file_is_refused(tmp_path: Path):
    source = tmp_path / "x.sqlite"
    source.write_text("no database, but long enough to be looked at" * 40)
    with pytest.raises(ReportError, match="cannot scrub"):
        scrub(source, tmp_path / "y.sqlite")
    assert not list(tmp_path.glob("y*"))


def stub(folder: Path, script: str) -> Path:
    program = folder / "nsys"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("keep", [False, True])
def test_the_report_goes_unless_it_is_to_be_kept(leaky: Path, tmp_path: Path, keep: bool):
    nsys = stub(tmp_path, f'while [ "$1" != "--output" ]; do shift; done; cp "{leaky}" "$2"\n')
    report = tmp_path / "run.nsys-rep"
    report.write_text(CANARY)
    target = tmp_path / "run.sqlite"
    keep_scrubbed(nsys, report, target, keep_report=keep)
    assert report.exists() is keep
    assert CANARY.encode() not in target.read_bytes()


def test_the_report_goes_even_if_its_export_fails(tmp_path: Path):
    nsys = stub(tmp_path, "echo broken >&2; exit 1\n")
    report = tmp_path / "run.nsys-rep"
    report.touch()
    with pytest.raises(RoofprofError, match=r"nsys cannot export run\.nsys-rep: broken"):
        keep_scrubbed(nsys, report, tmp_path / "run.sqlite")
    assert not report.exists()
