"""A capture directory has one owner at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roofprof.errors import UsageError
from roofprof.profiler.run.directory import claim_directory

FOLDERS = ("ncu", "nsys")

# Claim at a given moment, work for a while, and say whether the work was left alone.
CLAIMANT = """
import sys, time
from pathlib import Path
from roofprof.errors import UsageError
from roofprof.profiler.run.directory import claim_directory
path, start, force = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "force"
while time.time() < start:
    pass
try:
    directory = claim_directory(path, force, ("ncu", "nsys"))
except UsageError as error:
    sys.exit(print("refused:", error.message))
mine = directory.work / "mine"
mine.write_text("raw")
time.sleep(0.7)
whole = mine.exists()
directory.keep(mine, "ncu/" + str(start))
directory.discard()
print("whole" if whole else "destroyed")
"""


@pytest.mark.parametrize("before", ["nothing", "a failed capture", "a killed capture", "a complete capture"])
def test_of_several_captures_at_once_one_gets_the_directory(tmp_path: Path, before: str) -> None:
    path = tmp_path / "out"
    if before != "nothing":
        (path / "ncu").mkdir(parents=True)
        state = "complete" if before == "a complete capture" else "failed"
        (path / "manifest.json").write_text(json.dumps({"state": state}))
    if before == "a killed capture":
        (path / ".partial").mkdir()
        (path / ".partial" / "pid").write_text("999999999")
        (path / ".lock").touch()
    start = time.time() + 1.5
    words = [sys.executable, "-c", CLAIMANT, str(path), str(start), "force"]
    claimants = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(5)]
    said = [claimant.communicate(timeout=60) for claimant in claimants]
    assert [err for _, err in said if err] == []
    assert sorted(out.split(":")[0].strip() for out, _ in said) == ["refused"] * 4 + ["whole"]
    assert sorted(p.name for p in path.iterdir()) == ["ncu"]
    assert [p.name for p in (path / "ncu").iterdir()] == [str(start)]


def test_what_another_capture_finished_in_between_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture that passed the first check finds, once it has the lock, that another one came and went."""
    path, checks = tmp_path / "out", []
    from roofprof.profiler.run import directory

    check = directory.check_directory

    def come_and_go(*arguments: object) -> None:
        check(*arguments)  # type: ignore[arg-type]
        checks.append(arguments)
        if len(checks) == 1:
            (path / "ncu").mkdir(parents=True)
            (path / "manifest.json").write_text('{"state": "complete"}')

    monkeypatch.setattr(directory, "check_directory", come_and_go)
    with pytest.raises(UsageError, match="not empty"):
        claim_directory(path, False, FOLDERS)
    assert sorted(p.name for p in path.iterdir()) == ["manifest.json", "ncu"]


def test_the_claim_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "out"
    code = CLAIMANT.replace("time.sleep(0.7)", "print('claimed', flush=True); time.sleep(60)")
    words = [sys.executable, "-c", code, str(path), "0", "no"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "claimed\n"
        with pytest.raises(UsageError, match=f"in use by another capture .process {process.pid}"):
            claim_directory(path, True, FOLDERS)
        process.send_signal(signal.SIGKILL)
        process.wait()
    directory = claim_directory(path, True, FOLDERS)
    assert (directory.work / "pid").read_text() == str(os.getpid())
    directory.discard()
