"""Commands that are imported when they run, and words that become values without typer's converters."""

import inspect
import subprocess
import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from roofprof.cli import app, run
from roofprof.cli.commands import COMMANDS
from roofprof.cli.values import without_converter


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_the_function_says(name: str) -> None:
    command = COMMANDS[name]
    text = inspect.getdoc(getattr(import_module(command.module), command.function))
    assert text is not None
    assert command.summary == text.splitlines()[0]


def test_help_imports_no_command(tmp_path: Path) -> None:
    code = (
        "import sys; from roofprof.cli import run; run(['--help']);"
        "print(sorted(name for name in sys.modules if name.startswith(('roofprof.', 'pydantic', 'numpy', 'polars'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert eval(done.stdout.splitlines()[-1]) == [
        "roofprof.cli",
        "roofprof.cli.commands",
        "roofprof.cli.values",
        "roofprof.errors",
    ]


def test_a_command_runs_without_pydantic(tmp_path: Path) -> None:
    code = (
        "import sys; from roofprof.cli import run; run(['ops', '--batch', '1', '--top', '1', '--seq-len', '64']);"
        "print(any(name.startswith('pydantic') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_unknown_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyse"]) == 2
    assert "No such command" in capsys.readouterr().err


class Reader(StrEnum):
    OWN = "roofprof"
    OTHER = "ncu-report"


def _values(words: list[str], plain: bool) -> tuple[int, str, list[Any]]:
    seen: list[Any] = []
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)

    @alone.command()
    def command(
        paths: Annotated[list[Path], typer.Argument()],
        extra: Annotated[list[str] | None, typer.Option()] = None,
        top: Annotated[int | None, typer.Option(min=1, max=99)] = None,
        seed: int = 7,
        ratio: float = 0.5,
        file: Annotated[Path | None, typer.Option(exists=True)] = None,
        output: Path = Path("out"),
        flag: bool = False,
        gpu: str = "gb200",
        reader: Reader = Reader.OWN,
    ) -> None:
        seen.extend([paths, extra, top, seed, ratio, file, output, flag, gpu, reader])

    built: Any = typer.main.get_command(alone)
    if plain:
        without_converter(built)
    result = CliRunner().invoke(_Prebuilt(built), words)
    return result.exit_code, result.output, seen


class _Prebuilt(typer.Typer):
    def __init__(self, command: Any) -> None:
        super().__init__(add_completion=False)
        self.built = command


@pytest.fixture(autouse=True)
def _invoke_prebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer.testing

    original: Any = typer.testing._get_command  # type: ignore[attr-defined]
    monkeypatch.setattr(
        typer.testing, "_get_command", lambda app: app.built if isinstance(app, _Prebuilt) else original(app)
    )


@pytest.mark.parametrize(
    "words",
    [
        ["a", "b"], [], ["a", "--top", "5"], ["a", "--top", "0"], ["a", "--top", "100"], ["a", "--top", "many"],
        ["a", "--top", ""], ["a", "--top", "²"], ["a", "--seed", "-3"], ["a", "--seed", "1_0"], ["a", "--seed", " 3"],
        ["a", "--ratio", "1e3"], ["a", "--ratio", "x"], ["a", "--file", "/nonexistent"], ["a", "--file", "."],
        ["a", "--output", ""], ["a", "--output", "x/../y"], ["a", "--flag", "--gpu", ""], ["a", "--extra", "x"],
        ["", "-"], ["a", "--extra", "x", "--extra", "y=z"], ["a", "--no-flag"],
        ["a", "--reader", "ncu-report"], ["a", "--reader", "NCU-REPORT"], ["a", "--reader", "x"],
    ],
)  # fmt: skip
def test_plain_values_are_those_of_typer(words: list[str]) -> None:
    assert _values(words, plain=True) == _values(words, plain=False)


def test_the_app_is_typers_own() -> None:
    assert CliRunner().invoke(app, ["gpus"]).exit_code == 0
