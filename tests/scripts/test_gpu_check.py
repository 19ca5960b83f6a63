"""The script for GPU machines, with a stub python that says what it was asked for."""

import subprocess
from pathlib import Path

import pytest

STUB = """#!/bin/sh
echo "$@" | tee -a {calls}
case "$*" in *{slow}*) exec sleep 30 ;; esac
case "$*" in *{fails}*) exit 3 ;; *compare_raw*) echo "no nsys"; exit 77 ;; esac
"""


def check(
    root: Path, tmp_path: Path, *words: str, fails: str = "nothing", slow: str = "nothing"
) -> tuple[int, str, str]:
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(STUB.format(calls=calls, fails=fails, slow=slow))
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
        "ceilings", "capture", "evaluate", "analyze", "timeline", "compare-nsys", "all,",
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


def test_what_failed_is_not_analyzed_from_an_older_run(root: Path, tmp_path: Path) -> None:
    code, output, calls = check(root, tmp_path, fails="1,64,128")
    assert code == 1
    assert "analyze " not in calls
    assert "timeline " not in calls
    rows = {line.split()[0]: line for line in output[output.index("\nstep") :].splitlines()[2:]}
    assert "skipped: capture failed" in rows["analyze"]
    assert rows["evaluate"].split()[1] == "ok"


def test_a_limit_for_all_steps_leaves_a_table(root: Path, tmp_path: Path) -> None:
    code, output, _ = check(root, tmp_path, "--limit", "1", "--only", "^(verify-decode|ceilings)", slow="1,16,64,128")
    assert code == 1
    rows = output[output.index("\nstep") :].splitlines()[2:]
    assert "FAILED: over 1 s" in rows[0]
    assert "FAILED: not started" in rows[1]
    assert rows[2].split()[:4] == ["all,", "all", "2", "failed"]
    assert (tmp_path / "out" / "table.txt").read_text().strip().endswith(rows[2])


def test_an_interrupted_check_prints_its_table(root: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(STUB.format(calls=tmp_path / "calls", fails="nothing", slow="ceilings"))
    python.chmod(0o755)
    command = [root / "scripts" / "gpu-check", "--out", str(tmp_path / "out"), "--only", "doctor|ceilings"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(2)] == ["doctor ...\n", "ceilings ...\n"]
        running.terminate()
        rest = running.stdout.read()
    assert running.returncode == 1
    rows = {line.split()[0]: line for line in rest.splitlines()[2:]}
    assert "ok" in rows["doctor"]
    assert "FAILED: interrupted" in rows["ceilings"]
    assert list(rows)[-1] == "all,"


@pytest.mark.parametrize("words", [["--only", "("], ["--only", "no-such-step"], ["--limit", "soon"], ["--out", ""]])
def test_a_check_of_nothing_is_an_error(root: Path, tmp_path: Path, words: list[str]) -> None:
    code, _, calls = check(root, tmp_path, *words)
    assert (code, calls) == (2, "")


def test_a_python_that_is_not_there(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [root / "scripts" / "gpu-check", "--out", str(tmp_path / "out")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/nowhere/python"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "error: /nowhere/python does not exist\n")
