"""NVIDIA's module as the second reader: in batches, in a foreign working folder, and when it dies."""

import os
from pathlib import Path

import pytest

from roofprof.errors import ReportError
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.parsers.ncu import ncu_report_reader
from roofprof.parsers.ncu.report import read_ncu_report


def test_reading_in_batches_gives_the_same(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data / "kinds/two-processes.ncu-rep"
    whole = read_ncu_report(path, reader="ncu-report")
    monkeypatch.setattr(ncu_report_reader, "BATCH_LAUNCHES", 3)
    seen: list[tuple[int, int]] = []
    batched = read_ncu_report(path, lambda done, total: seen.append((done, total)), reader="ncu-report")
    assert batched.launches.equals(whole.launches)
    assert batched.launches.schema == LAUNCH_SCHEMA
    assert batched.devices == whole.devices
    assert seen == [(3, 10), (6, 10), (9, 10), (10, 10)]


def test_batches_by_size(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data / "kinds/set-roofline.ncu-rep"
    monkeypatch.setattr(ncu_report_reader, "BATCH_BYTES", 1_500_000)
    assert read_ncu_report(path, reader="ncu-report").launches.height == 9


def fake_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put an interpreter in place whose only act is the given shell line."""
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{body}\n")
    fake.chmod(0o755)
    monkeypatch.setattr("roofprof.own_python.sys.executable", str(fake))


def test_a_crash_of_the_reader_is_an_error_and_not_ours(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_worker(tmp_path, monkeypatch, "kill -SEGV $$")
    with pytest.raises(ReportError, match=r"crashed \(signal 11\)") as caught:
        read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report")
    assert "damaged" in (caught.value.hint or "")


def test_a_reader_that_is_not_installed_is_named(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(tmp_path, monkeypatch, "echo \"ModuleNotFoundError: No module named 'ncu_report'\" >&2; exit 1")
    with pytest.raises(ReportError) as caught:
        read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report")
    assert caught.value.hint == "install NVIDIA's reader: pip install ncu-report"


def test_a_reader_that_hangs_is_ended(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(ncu_report_reader, "CHILD_SECONDS", 0.2)
    monkeypatch.setattr(ncu_report_reader, "CHILD_SECONDS_PER_LAUNCH", 0.0)
    with pytest.raises(ReportError, match="did not finish"):
        read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report")


def test_fewer_launches_than_framed_is_damage(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '{"answer": {"function": ["a", "b", "c", "d", "e", "f", "g", "h"]}, "refusal": null}'
    fake_worker(tmp_path, monkeypatch, f"echo '{answer}'")
    with pytest.raises(ReportError, match="9 launches are framed in it, ncu-report reads 8"):
        read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report")


def test_no_temporary_files_stay(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(ncu_report_reader.tempfile, "tempdir", None)
    monkeypatch.setattr(ncu_report_reader, "BATCH_LAUNCHES", 3)
    read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report")
    assert os.listdir(tmp_path) == []


def test_modules_in_the_working_folder_do_not_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ncu_report", "random", "json"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the working folder ran')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), "", "."]))
    assert read_ncu_report(data / "kinds/no-nvtx.ncu-rep", reader="ncu-report").launches.height == 9
