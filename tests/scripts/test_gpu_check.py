"""The script for GPU machines, with a stub python that says what it was asked for."""

import subprocess
from pathlib import Path

import pytest

STUB = """#!/bin/sh
echo "$@" | tee -a {calls}
case "$*" in *{fails}*) exit 3 ;; *compare_raw*) echo "no nsys"; exit 77 ;; esac
"""


def check(root: Path, tmp_path: Path, *words: str, fails: str = "nothing") -> tuple[int, str, str]:
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(STUB.format(calls=calls, fails=fails))
    python.chmod(0o755)
    done = subprocess.run(
        [root / "scripts" / "gpu-check", "--out", str(tmp_path / "out"), *words],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, calls.read_text() if calls.exists() else ""


def test_a_table_comes_last(root: Path, tmp_path: Path) -> None:
    code, output, calls = check(root, tmp_path)
    assert code == 0, output
    rows = output[output.index("\nstep") :].splitlines()[2:]
    assert [row.split()[0] for row in rows] == [
        "doctor", "verify-decode", "verify-prefill", "verify-bf16", "verify-dense", "gpu-tests", "selfcheck",
        "ceilings", "capture", "judge", "analyze", "timeline", "compare-nsys", "all,",
    ]  # fmt: skip
    assert "skipped: no nsys" in rows[-2]
    assert rows[-1].split()[:3] == ["all,", "all", "ok"]
    assert "capture --phase all --batch 1,64,128" in calls
    assert "verify" in (tmp_path / "out" / "logs" / "verify-bf16.txt").read_text()


def test_a_failed_step_is_named_and_the_others_follow(root: Path, tmp_path: Path) -> None:
    code, output, calls = check(root, tmp_path, "--stage", "capture", fails="bf16")
    assert code == 1
    assert "FAILED: exit 3" in output
    assert output.splitlines()[-1].split()[:4] == ["all,", "capture", "1", "failed"]
    assert "capture --phase all" in calls
    assert "analyze" not in calls


@pytest.mark.parametrize("words", [["--stage", "deploy"], ["--what"], ["--stage"]])
def test_wrong_usage(root: Path, tmp_path: Path, words: list[str]) -> None:
    code, output, calls = check(root, tmp_path, *words)
    assert (code, calls) == (2, "")
    assert "usage:" in output
