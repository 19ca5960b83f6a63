import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roofprof.errors import RoofprofError
from roofprof.profiler.run.runner import Ending, run_profiler


class Quiet:
    """A watch that counts a run as hung once told."""

    def __init__(self, limit_s: float = 60) -> None:
        self.text = ""
        self.whole = ""
        self.end = time.monotonic() + limit_s

    def feed(self, text: str) -> None:
        self.text += text

    def finish(self, text: str) -> None:
        self.whole = text

    def hung(self) -> bool:
        return time.monotonic() > self.end


def test_output_goes_to_the_log_and_the_watch(tmp_path: Path) -> None:
    watch, log = Quiet(), tmp_path / "log"
    outcome = run_profiler([sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"], log, watch)
    assert (outcome.ending, outcome.returncode) == (Ending.FINISHED, 3)
    assert watch.text == watch.whole == log.read_text() == "one\ntwo\n"


def test_what_outlives_the_profiler_is_ended(tmp_path: Path, alive: Callable[[int], bool]) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(p.pid)"
    )
    watch = Quiet()
    assert run_profiler([sys.executable, "-c", code], tmp_path / "log", watch).ending is Ending.FINISHED
    time.sleep(0.2)
    assert not alive(int(watch.whole))


def test_a_child_in_a_session_of_its_own_is_ended(tmp_path: Path, alive: Callable[[int], bool]) -> None:
    code = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "p = subprocess.Popen(command, start_new_session=True)\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    watch = Quiet(1.0)
    outcome = run_profiler([sys.executable, "-c", code], tmp_path / "log", watch, grace_s=0.5)
    assert outcome.ending is Ending.HUNG
    time.sleep(0.2)
    assert not alive(int(watch.text.split()[0]))


def test_a_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roofprof.profiler.run.runner.MIN_FREE_BYTES", 1 << 80)
    outcome = run_profiler([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log", Quiet(), None, 0.5)
    assert outcome.ending is Ending.DISK_FULL


def test_what_cannot_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RoofprofError, match="cannot start nothing"):
        run_profiler([str(tmp_path / "nothing")], tmp_path / "log", Quiet())
