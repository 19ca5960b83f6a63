"""The README's Python runs, and its roofprof commands parse, as they stand there."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import code_blocks

from roofprof.cli import run
from roofprof.cli.commands import COMMANDS
from roofprof.results.report import RooflineReport

PAGES = ("README.md", *(f"docs/{name}.md" for name in (
    "capture", "fidelity", "html-report", "reports", "sweep", "timeline", "ops-files", "glossary", "gpus", "doctor",
    "diff", "configuration",
)))  # fmt: skip


def test_the_python_of_the_readme_runs(
    root: Path, tmp_path: Path, analyzed: Callable[[str], RooflineReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = code_blocks(root / "README.md", "python")
    (tmp_path / "capture-decode").symlink_to(root / "tests/data/h100-fp8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.json").write_text(analyzed("kinds/odd-names.ncu-rep").to_json())
    monkeypatch.chdir(tmp_path)
    exec(code, {})


def commands(page: Path) -> list[str]:
    """What stands in indented blocks after `roofprof`, comments and other programs' words left out."""
    lines = re.findall(r"^ {4}(?:\$ )?(roofprof .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [part.strip() for line in lines for part in re.split(r"  +#|;|&&", line) if part.strip().startswith("roof")]


@pytest.mark.parametrize("name", PAGES)
def test_commands_of_the_pages_have_the_options_that_they_are_given(root: Path, name: str) -> None:
    for command in commands(root / name):
        words = command.split(" -- ")[0].split()
        known = COMMANDS[words[1]].load(words[1])
        options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)}
        assert used <= options, command


def test_the_readme_shows_what_the_demo_prints(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["demo"]) == 0
    printed = capsys.readouterr().out
    (shown,) = re.findall(
        r"^    decode, batch 64.*?(?=^\S)", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert textwrap.dedent(shown).strip() in printed
