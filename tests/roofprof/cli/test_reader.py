"""`analyze --reader`: roofprof's own reader by default, NVIDIA's module on request."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roofprof.cli import app


@pytest.mark.parametrize("name", ["no-nvtx", "range-nvtx"])
def test_both_readers_give_one_report(data: Path, name: str) -> None:
    path = str(data / f"kinds/{name}.ncu-rep")
    answers = [CliRunner().invoke(app, ["analyze", path, "--json", *more]) for more in ([], ["--reader", "ncu-report"])]
    assert [answer.exit_code for answer in answers] == [0, 0]
    ours, theirs = (json.loads(answer.stdout) for answer in answers)
    for report in (ours, theirs):
        del report["generated"]
    assert ours == theirs


def test_another_reader_is_a_mistake_of_the_command_line(data: Path) -> None:
    answer = CliRunner().invoke(app, ["analyze", str(data / "kinds/no-nvtx.ncu-rep"), "--reader", "nsys"])
    assert answer.exit_code == 2
