"""docs/extending/command.md, followed step by step."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import roofprof.cli as cli
import roofprof.cli.commands as commands
from roofprof.results.report import RooflineReport


@pytest.fixture
def blocks(root: Path) -> dict[str, str]:
    page = (root / "docs/extending/command.md").read_text()
    return dict(re.findall(r"```python (\S+)\n(.*?)```", page, re.DOTALL))


@pytest.fixture
def new_command(blocks: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page's module in a folder that the package looks into too, and its row in `cli/commands.py`."""
    module, init = blocks
    assert (Path(module).parent, init) == (Path("roofprof/cli"), "roofprof/cli/commands.py")
    (tmp_path / Path(module).name).write_text(blocks[module])
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    monkeypatch.setattr(commands, "COMMANDS", dict(commands.COMMANDS))
    exec(compile(blocks[init], init, "exec"), commands.__dict__)
    name = Path(module).stem
    yield name
    sys.modules.pop(f"roofprof.cli.{name}", None)
    cli.__dict__.pop(name, None)


def test_the_page_adds_a_command(new_command: str, decode: RooflineReport, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert new_command in typer.main.get_group(cli.app).commands
    path = tmp_path / "report.json"
    path.write_text(decode.to_json())
    assert cli.run([new_command, str(path), "--only", "moe_"]) == 0
    longest = max((op for op in decode.ops if "moe_" in op.op), key=lambda op: op.time_ns or 0)
    assert capsys.readouterr().out == f"{longest.label}\n"
    assert cli.run([new_command, str(path), "--only", "nothing"]) == 2
    assert "error: no op is left" in capsys.readouterr().err
    assert cli.run([new_command, "--help"]) == 0
    assert "Print the op that takes longest." in capsys.readouterr().out
