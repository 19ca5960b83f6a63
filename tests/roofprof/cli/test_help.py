"""The text of every --help at 100 columns, as it stands in tests/data/golden/help; --update-golden writes it anew."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import roofprof.cli.commands as commands
from roofprof.cli import app, run

COMMANDS = sorted(typer.main.get_group(app).commands)


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("command", ["roofprof", *COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str], golden: Callable[[str, str], None]) -> None:
    assert run([*([] if command == "roofprof" else [command]), "--help"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 100
    golden(f"help/{command}.txt", text)


@pytest.mark.parametrize("command", ["roofprof", *COMMANDS])
def test_help_fits_80_columns_and_is_cut_nowhere(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*([] if command == "roofprof" else [command]), "--help"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "Examples:" in text
    assert "…" not in text
    assert not [line for line in text.splitlines() if re.search(r"[a-z],?\.\.\.$", line) and "Usage:" not in line]


def test_the_list_of_commands_has_every_summary_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert not [name for name, command in commands.COMMANDS.items() if f"{name} {command.summary}" not in text]


def test_shells_can_be_told_how_to_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_ROOFPROF_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "roofprof analyze --so")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert run([]) == 0
    assert capsys.readouterr().out.split() == ["--sort"]


def test_no_golden_text_is_of_a_command_that_is_gone(data: Path) -> None:
    assert {path.stem for path in (data / "golden/help").glob("*.txt")} == {"roofprof", *COMMANDS}


def test_help_imports_typer_alone() -> None:
    code = (
        "import sys; from roofprof.cli import run; run(['analyze', '--help']);"
        "print(sorted({'polars', 'numpy', 'rich', 'matplotlib', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
