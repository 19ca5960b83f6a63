"""The steps of docs/extending, followed as they stand on the pages."""

import shutil
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_blocks import code_blocks
from typer.testing import CliRunner

import roofprof.hardware.chip as chip_files
from roofprof.cli import app
from roofprof.hardware.chip import chip_of_capability, chips
from roofprof.hardware.devices import load_gpu
from roofprof.names import reading
from roofprof.parsers.ncu.columns import plan_columns
from roofprof.profiler.ncu.plan import layer_plan, table_of_capability


@pytest.fixture
def chips_folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the chips' folder that is read in its place."""
    folder = tmp_path / "chips"
    shutil.copytree(root / "roofprof" / "hardware" / "chips", folder)
    monkeypatch.setattr(chip_files, "FOLDER", folder)
    chips.cache_clear()
    yield folder
    chips.cache_clear()


def test_a_chip_is_one_file(root: Path, chips_folder: Path) -> None:
    page = root / "docs" / "extending" / "chip.md"
    table, measured = code_blocks(page, "toml")
    (chips_folder / "gx100.toml").write_text(table)

    chip = chip_of_capability("19.0")
    assert chip is not None
    values = {"sm__ops_path_tensor_src_fp4_dst_fp32.sum": np.array([7.0])}
    assert plan_columns(chip, frozenset(values)).columns(values)["tensor_fp4_flop_count"] == 7

    plan = layer_plan(table_of_capability("19.0"), "nvfp4-v2", ["cold"])
    assert "sm__ops_path_tensor_src_fp4_dst_fp32.sum" in plan.runs[0].metrics
    assert "sm__sass_thread_inst_executed_op_ffma2_pred_on.sum" in plan.runs[1].metrics
    assert plan.runs[0].expected_passes is None

    (console,) = code_blocks(page, "console")
    command, wanted = console.splitlines()
    result = CliRunner().invoke(app, command.removeprefix("$ roofprof ").split())
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == wanted
    assert "sm__ops_path_tensor_src_fp8_sparsity_on.sum" in result.output

    (chips_folder / "gx100.toml").write_text(f"{table}\n{measured}")
    chips.cache_clear()
    assert layer_plan(table_of_capability("19.0"), None, ["cold"]).runs[0].expected_passes == 1


def test_a_gpu_is_one_table(root: Path, tmp_path: Path) -> None:
    page = root / "docs" / "extending" / "gpu.md"
    table, variant = code_blocks(page, "toml")
    file = tmp_path / "gpus.toml"
    file.write_text(f"{variant}\n{table}")
    gpu = load_gpu(str(file))
    assert (gpu.name, gpu.dram_bytes_per_s, gpu.peak_flop_per_s["tensor_fp8"]) == ("gx200-pcie", 4e12, 5000e12)

    for command in code_blocks(page, "console")[0].splitlines():
        words = command.removeprefix("$ roofprof ").replace("gx200", str(file)).split()
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output


def test_a_writer_is_one_module(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, table, check = code_blocks(root / "docs" / "extending" / "writer.md", "python")
    acme = types.ModuleType("acme")
    exec(module, acme.__dict__)
    names: dict[str, Any] = {"WRITERS": reading.WRITERS, "acme": acme}
    exec(table, names)
    monkeypatch.setattr(reading, "WRITERS", names["WRITERS"])
    reading.forget()
    try:
        exec(check, {"read_path": reading.read_path})
        key = reading.read_path(("acme<17>qk_norm(64x128)",)).key
        assert reading.read_path(key).key == key
    finally:
        reading.forget()
