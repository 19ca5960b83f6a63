"""docs/library.md: its recipes run as they stand."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import code_blocks

import roofprof
from roofprof.results.report import RooflineReport

PAGE = Path(__file__).parents[2] / "docs/library.md"
RECIPES = code_blocks(PAGE, "python recipe")


@pytest.fixture
def folder(
    root: Path, tmp_path: Path, analyzed: Callable[[str], RooflineReport], monkeypatch: pytest.MonkeyPatch
) -> Path:
    (tmp_path / "capture-decode").symlink_to(root / "tests/data/h100-fp8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.json").write_text(analyzed("h100-fp8").to_json())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_beginning_runs(folder: Path) -> None:
    (code,) = code_blocks(PAGE, "python")
    exec(code, {})
    assert folder.exists()


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_recipes_run(folder: Path, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name for path in folder.iterdir()}
    exec(RECIPES[number], {})
    written = {path.name for path in folder.iterdir()} - before
    assert capsys.readouterr().out or written


def test_there_are_five_recipes_at_least() -> None:
    assert len(RECIPES) >= 5


def test_the_page_lists_every_name() -> None:
    listed = re.findall(r"`(\w+)", "\n".join(re.findall(r"^\| (.+?) \|", PAGE.read_text(), re.MULTILINE)))
    assert set(roofprof.__all__) - {"__version__"} <= set(listed)
