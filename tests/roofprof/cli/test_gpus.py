"""`roofprof gpus`: all in a table of 80 columns, some with their sheets, everything as JSON."""

import json

import pytest
from typer.testing import CliRunner

from roofprof import cli
from roofprof.cli import app
from roofprof.hardware.devices import FAMILIES, bundled_gpus


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["gpus", *arguments])
    return result.exit_code, result.output


def test_every_gpu_stands_under_its_family_in_80_columns() -> None:
    code, text = run()
    lines = text.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    assert [line.strip() for line in lines if line.strip() in FAMILIES.values()] == list(FAMILIES.values())
    names = {line.split()[0].rstrip("*") for line in lines if line.startswith(" ") and line.strip()}
    assert bundled_gpus().keys() <= names
    assert "H100" not in text, "sources stand with the sheets"


def test_a_name_gives_the_whole_sheet() -> None:
    code, text = run("H100-NVL")
    sheet = " ".join(text.split())
    assert code == 0
    for part in ("source: NVIDIA H100 datasheet", "doubtful: the clock", "tensor_fp8 1.67 P", "NVLink 300 GB/s"):
        assert part in sheet
    assert "h200" not in text


def test_json_has_every_figure() -> None:
    code, text = run("--json")
    gpus = {gpu["name"]: gpu for gpu in json.loads(text)["gpus"]}
    assert code == 0
    assert gpus.keys() == bundled_gpus().keys()
    assert gpus["a100"]["nvlink_bytes_per_s"] == 300e9
    assert gpus["h100"]["family"] == "Hopper"
    assert gpus["t4"]["nvlink_bytes_per_s"] is None


def test_a_name_that_nothing_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["gpus", "h1000"]) == 2
    assert "no GPU's name holds 'h1000'" in capsys.readouterr().err
