"""nsys' exporter for a report that is read; `test_scrub` tests it for one that is kept."""

from pathlib import Path

import pytest

from roofprof.errors import ReportError, RoofprofError
from roofprof.pipeline.capture_group import read_trace
from roofprof.profiler.nsys.export import exported


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "run.nsys-rep"
    path.touch()
    return path


def stub(folder: Path, script: str) -> None:
    program = folder / "nsys"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)


def test_without_nsys_it_says_how_to_export(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roofprof.profiler.nsys.export.find_nsys", lambda: None)
    with pytest.raises(RoofprofError, match="nsys, which was not found") as caught, exported(report):
        pass
    assert caught.value.hint == "where nsys is installed, run: nsys export -t sqlite -o run.sqlite run.nsys-rep"


def test_a_report_is_read_through_nsys(export, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export.launch(10, 1000, 1100, 1)
    source = export.write()
    # The stub finds --output's argument and puts the export there.
    stub(report.parent, f'while [ "$1" != "--output" ]; do shift; done; /bin/cp "{source}" "$2"\n')
    monkeypatch.setenv("PATH", str(report.parent))
    read = read_trace(report)
    assert (read.trace.kernels.height, read.name) == (1, "run.nsys-rep")


def test_the_export_is_gone_when_the_reading_is_done(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(report.parent, 'while [ "$1" != "--output" ]; do shift; done; /bin/touch "$2"\n')
    monkeypatch.setenv("PATH", str(report.parent))
    with exported(report) as export:
        assert export.is_file()
    assert not export.parent.exists()


def test_an_export_that_fails_gives_the_reason(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(report.parent, "echo 'The file is corrupt.' >&2; exit 3\n")
    monkeypatch.setenv("PATH", str(report.parent))
    with pytest.raises(ReportError, match=r"cannot export .*: The file is corrupt\."):
        read_trace(report)
