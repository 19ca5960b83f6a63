"""The examples at the end of each help: every one has options that exist, and those that need no GPU work."""

import re
from pathlib import Path

import pytest

from roofprof.cli import run
from roofprof.cli.commands import COMMANDS, ROOT_EXAMPLES

EXAMPLES = [line.split("   #")[0].rstrip() for command in COMMANDS.values() for line in command.examples]
ON_A_GPU = re.compile(
    r"(?:torchrun|srun) |roofprof (doctor|selfcheck|ceilings|verify|capture(?!.*--dry-run)|sweep(?!.*--dry-run))\b"
)
THEIR_OWN = "trace.ncu-rep"
SERVER = "roofprof mcp "
"""Reads stdin, as no other command does."""


def test_every_command_has_examples() -> None:
    assert not [name for name, command in COMMANDS.items() if len(command.examples) < 2]
    assert all("roofprof " in line for line in (*EXAMPLES, *ROOT_EXAMPLES))


@pytest.mark.parametrize("line", [*EXAMPLES, *(line.split("   #")[0] for line in ROOT_EXAMPLES)])
def test_examples_have_options_that_exist(line: str) -> None:
    words = line[line.index("roofprof ") :].split(" -- ")[0].split()
    known = {option for p in COMMANDS[words[1]].load(words[1]).params for option in (*p.opts, *p.secondary_opts)}
    assert {word for word in words[2:] if word.startswith("-")} <= known


def test_examples_work_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["demo"]) == 0
    lines = [line for line in EXAMPLES if not ON_A_GPU.match(line) and THEIR_OWN not in line and SERVER not in line]
    assert len(lines) > 10
    for line in lines:
        words = line.replace("/tmp/", f"{tmp_path}/").split()
        assert run(words[1:]) == 0, line
        capsys.readouterr()
