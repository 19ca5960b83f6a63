"""The text of every --help at 100 columns, as it stands in tests/data/golden/help; --update-golden writes it anew."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

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


def test_no_golden_text_is_of_a_command_that_is_gone(data: Path) -> None:
    assert {path.stem for path in (data / "golden/help").glob("*.txt")} == {"roofprof", *COMMANDS}


def test_help_imports_typer_alone() -> None:
    code = (
        "import sys; from roofprof.cli import run; run(['analyze', '--help']);"
        "print(sorted({'polars', 'numpy', 'rich', 'matplotlib', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
