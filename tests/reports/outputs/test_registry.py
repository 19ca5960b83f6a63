"""Formats are found by being there: docs/extending/output.md, followed step by step, and what every format owes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import roofprof.reports.outputs.analysis as analysis_package
from roofprof.cli import run
from roofprof.document.cases import cases_of
from roofprof.document.comparison import compare
from roofprof.errors import RoofprofError, UsageError
from roofprof.reports.outputs.registry import (
    analysis_outputs,
    comparison_outputs,
    is_folder,
    required_output,
    write_folder,
)
from roofprof.results.report import RooflineReport


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs/extending/output.md").read_text()


@pytest.fixture
def toy(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page's module, in a folder that the package looks into too."""
    ((target, code),) = re.findall(r"```python (\S+)\n(.*?)```", page, re.DOTALL)
    assert Path(target).parent == Path("reports/outputs/analysis")
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / Path(target).name).write_text(code)
    monkeypatch.setattr(analysis_package, "__path__", [*analysis_package.__path__, str(folder)])
    name = f"{analysis_package.__name__}.{Path(target).stem}"
    yield name
    sys.modules.pop(name, None)
    analysis_package.__dict__.pop(Path(target).stem, None)


def test_the_page_adds_a_format(
    toy: str, page: str, decode: RooflineReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.json").write_text(decode.to_json())
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in commands.splitlines():
        program, *words = line.split()
        assert program == "roofprof"
        assert run(words) == 0
    for path in (tmp_path / "times.tsv", tmp_path / "again/times.tsv"):
        rows = path.read_text().splitlines()
        assert len(rows) == len(decode.ops)
        label, time = rows[0].split("\t")
        assert (label, float(time)) == (decode.ops[0].label, decode.ops[0].time_ns)


@pytest.mark.parametrize("words", [["analyze", "r"], ["compare", "r"], ["diff", "r", "r"]])
def test_a_file_of_no_format_is_refused_before_anything_is_read(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*words, "-o", "out.BMP"]) == 2
    said = capsys.readouterr().err
    assert "error: unknown output format: 'out.BMP'" in said
    assert ".png, .svg, .pdf" in said
    assert not list(tmp_path.iterdir())


def test_a_name_with_a_dot_may_be_a_folders(tmp_path: Path) -> None:
    (tmp_path / "old.txt").mkdir()
    names = {"out": True, "v1.2": True, "old.txt": True, "out.txt": False, "out.png": False}
    assert {name: is_folder(analysis_outputs(), tmp_path / name) for name in names} == names


def test_without_the_module_there_is_no_such_format(capsys, decode: RooflineReport, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "report.json").write_text(decode.to_json())
    assert run(["report", str(tmp_path), "-o", str(tmp_path / "times.tsv")]) == 2
    assert "unknown output format: 'times.tsv'" in capsys.readouterr().err


@pytest.mark.parametrize("outputs", [analysis_outputs(), comparison_outputs()], ids=["analysis", "comparison"])
def test_one_format_for_each_suffix(outputs) -> None:  # type: ignore[no-untyped-def]
    suffixes = [suffix for output in outputs for suffix in output.suffixes]
    files = [name for output in outputs for name in output.folder_files]
    assert len(set(suffixes)) == len(suffixes)
    assert len(set(files)) == len(files)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


@pytest.mark.parametrize("suffix", [s for output in analysis_outputs() for s in output.suffixes])
def test_every_format_of_analyze_and_report_is_the_same(suffix: str, decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(decode.to_json())
    for command in ("analyze", "report"):
        (tmp_path / command).mkdir()  # a document links the picture of its own name
        assert run([command, str(tmp_path / "report.json"), "-o", str(tmp_path / command / f"x{suffix}")]) == 0
    first, second = ((tmp_path / command / f"x{suffix}").read_bytes() for command in ("analyze", "report"))
    assert first
    assert first == second


@pytest.mark.parametrize("suffix", [s for output in comparison_outputs() for s in output.suffixes])
def test_every_format_of_compare(suffix: str, decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(decode.to_json())
    assert run(["compare", str(tmp_path / "report.json"), "-o", str(tmp_path / f"x{suffix}")]) == 0
    assert (tmp_path / f"x{suffix}").stat().st_size > 0


@pytest.mark.parametrize("suffix", [s for output in analysis_outputs() for s in output.suffixes])
def test_no_format_leaves_a_half_or_a_traceback_where_nothing_can_be_written(
    suffix: str, decode: RooflineReport, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / f"x{suffix}"
    with pytest.raises(RoofprofError, match="cannot write") as caught:
        required_output(analysis_outputs(), path).write([decode], path)
    assert caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".png"])
def test_formats_of_one_analysis_refuse_two(suffix: str, decode: RooflineReport, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    with pytest.raises(UsageError, match="holds one analysis"):
        required_output(analysis_outputs(), path).write([decode, decode], path)


def test_a_folder_whose_name_ends_like_a_format_stays_a_folder(decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(decode.to_json())
    (tmp_path / "out.md").mkdir()
    assert run(["analyze", str(tmp_path / "report.json"), "-o", str(tmp_path / "out.md")]) == 0
    assert (tmp_path / "out.md/report.json").is_file()


def test_a_report_json_of_a_comparison_is_valid(decode: RooflineReport, tmp_path: Path) -> None:
    paths = write_folder(comparison_outputs(), compare(cases_of([decode])), tmp_path)
    (path,) = [p for p in paths if p.suffix == ".json"]
    assert json.loads(path.read_text())["schema_version"] == 1


def test_looking_for_a_suffix_draws_nothing() -> None:
    code = (
        "import sys; from roofprof.reports.outputs.registry import analysis_outputs; analysis_outputs();"
        "assert not {'matplotlib', 'rich', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
