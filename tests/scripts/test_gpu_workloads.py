"""The table of captured workloads, without a GPU: what is skipped says so, and earlier results stay."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "gpu-workloads"


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=120, env=env)


def test_a_step_whose_modules_are_missing_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"triton": {"state": "complete", "bare_s": 8.0}}))
    done = run("--only", "cupy-graph,jax", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("triton ") and "8.0" in line and line.endswith("complete") for line in lines)
    assert any("skipped: no cupy" in line for line in lines)
    assert (tmp_path / "table.txt").read_text() in done.stdout + "\n"


def test_an_unknown_step_is_refused(tmp_path: Path) -> None:
    done = run("--only", "nonsense", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "triton-autotune" in done.stderr


def test_every_step_names_a_file_that_is_there() -> None:
    found = runpy.run_path(str(SCRIPT))["steps"]()
    files = [Path(word) for step in found.values() for word in step.command if word.endswith(".py")]
    assert len(files) >= 8
    assert all(path.is_file() for path in files)


def test_the_table_says_what_each_start_cost() -> None:
    runs = {"eager": [50.1, None, "complete", None], "core": [72.9, 50.4, "partial", "the driver failed"]}
    row = {"state": "partial", "bare_s": 50.0, "capture_s": 130.0, "starts": 2, "launches": 198, "megabytes": 1.2}
    more = {"runs": runs, "region": "api", "changes": ["core: whole graphs"], "not_needed": []}
    text = runpy.run_path(str(SCRIPT))["table"]({"sglang": {**row, **more}})
    for wanted in (
        "eager 50 (first launch 0)",
        "core 73 (first launch 50)",
        "the driver failed",
        "whole graphs",
        "198",
    ):
        assert wanted in text
