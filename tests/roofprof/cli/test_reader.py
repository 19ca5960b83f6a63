"""`analyze --reader`: roofprof's own reader by default, NVIDIA's module on request."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roofprof.cli import app, run


@pytest.mark.parametrize("name", ["no-nvtx", "range-nvtx"])
def test_both_readers_give_one_report(data: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(data / f"kinds/{name}.ncu-rep")
    answers = []
    for more in ([], ["--reader", "ncu-report"]):
        assert run(["analyze", path, "--json", *more]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    ours, theirs = answers
    for report in (ours, theirs):
        del report["generated"]
    assert ours == theirs


def test_another_reader_is_a_mistake_of_the_command_line(data: Path) -> None:
    answer = CliRunner().invoke(app, ["analyze", str(data / "kinds/no-nvtx.ncu-rep"), "--reader", "nsys"])
    assert answer.exit_code == 2
