"""File names with bytes that no terminal and no file system expects."""

import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from roofprof.cli import run
from roofprof.results.report import RooflineReport

ESC = "a\x1b[31m"


@pytest.fixture
def saved(decode: RooflineReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "report.json"
    path.write_text(decode.to_json())
    return path


@pytest.mark.parametrize("words", [["analyze", "-o", f"{ESC}.csv"], ["report", "-o", f"{ESC}.md"]])
def test_what_was_written_is_named_without_control_characters(
    words: list[str], saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([words[0], str(saved), *words[1:]]) == 0
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "wrote a\\x1b[31m" in said
    assert Path(words[2]).is_file()


@pytest.mark.parametrize("name", ["n" * 300, "a/" * 3000, "n" * 300 + ".md"])
def test_a_name_too_long_for_the_file_system_is_refused(
    name: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(p.name for p in saved.parent.iterdir())
    for words in (["analyze", str(saved), "-o", name], ["analyze", name], ["report", name], ["timeline", name]):
        assert run(words) in (1, 2)
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert "roofprof failed" not in said
    assert sorted(p.name for p in saved.parent.iterdir()) == before


def test_a_folder_whose_name_is_not_utf8_gets_every_output(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"out\xff")
    assert run(["analyze", str(saved), "-o", name]) == 0, capsys.readouterr().err
    assert {"ops.csv", "ops.parquet", "report.json", "roofline.png"} <= {p.name for p in Path(name).iterdir()}


def test_a_report_whose_name_is_not_utf8_is_analyzed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"nine\xff.ncu-rep")
    shutil.copyfile(data / "profiler/nine-launches.ncu-rep", name)
    assert run(["analyze", name, "--json", "-o", "out"]) == 0
    assert json.loads(capsys.readouterr().out)["reports"][0]["name"] == "nine\ufffd.ncu-rep"


def test_top_of_compare_does_not_go_with_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(saved), "--json", "--top", "1"]) == 2
    assert "--sort and --top shape the table, not --json" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.md", "a.html", "a.svg", "a.json", "all_kernels.csv"])
def test_a_file_that_cannot_be_written_whole_leaves_the_old_one_and_nothing_else(
    name: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_text("what was there before")
    before = sorted(p.name for p in saved.parent.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
        code = run(["report", str(saved), "-o", name])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert code == 1
    assert "cannot write" in capsys.readouterr().err
    assert Path(name).read_text() == "what was there before"
    assert sorted(p.name for p in saved.parent.iterdir()) == before
