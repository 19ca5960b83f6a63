import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roofprof.errors import RoofprofError
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.problems import left_running, still_running
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.watch import BUSY_FACTOR, RunWatch


class Quiet:
    """A watch that counts a run as hung once told."""

    def __init__(self, limit_s: float = 60) -> None:
        self.text = ""
        self.whole = ""
        self.busy_count = 0
        self.end = time.monotonic() + limit_s

    def feed(self, text: str) -> None:
        self.text += text

    def finish(self) -> None:
        self.whole = self.text

    def look(self, root: int) -> None:
        self.root = root

    def busy(self) -> None:
        self.busy_count += 1

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


SAY_PID = "print('', os.getpid(), '', flush=True)\n"
"""Spaces around it: two processes that write at one time may lose a line end."""
DAEMON = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        print('', os.getpid(), '', flush=True)\n"
    "        time.sleep(600)\n"
    "    os._exit(0)\n"
    "os.wait()\n"
)


def test_a_daemon_is_ended_and_named(tmp_path: Path, alive: Callable[[int], bool]) -> None:
    watch = Quiet()
    outcome = run_profiler([sys.executable, "-c", DAEMON], tmp_path / "log", watch)
    assert outcome.ending is Ending.FINISHED
    assert not alive(int(watch.whole))
    assert len(outcome.survivors) == 1
    problem = left_running(outcome)
    assert problem
    assert outcome.survivors[0] in problem.message


def test_a_daemon_of_a_run_that_is_ended_is_ended_too(tmp_path: Path, alive: Callable[[int], bool]) -> None:
    watch = Quiet(1.0)
    code = DAEMON + "time.sleep(600)"
    outcome = run_profiler([sys.executable, "-c", code], tmp_path / "log", watch, grace_s=0.5)
    assert outcome.ending is Ending.HUNG
    assert not alive(int(watch.whole))
    assert len(outcome.running) == 2  # the workload and its daemon
    assert "still running: " in still_running(outcome)


def test_who_ends_soon_after_the_workload_is_no_survivor(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(0.3)\n    os._exit(0)"
    assert run_profiler([sys.executable, "-c", code], tmp_path / "log", Quiet()).survivors == ()


def test_everything_ends_when_we_are_killed(tmp_path: Path, alive: Callable[[int], bool], root: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom roofprof.profiler.ncu.watch import NcuWatch\n"
        "from roofprof.profiler.run.runner import run_profiler\n"
        f"command = [sys.executable, '-c', {DAEMON + SAY_PID + 'time.sleep(600)'!r}]\n"
        "run_profiler(command, Path('log'), NcuWatch('r', 1, 1))"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    end, log, pids = time.monotonic() + 20, tmp_path / "log", list[str]()
    while time.monotonic() < end and len(pids) < 2:
        time.sleep(0.05)
        pids = log.read_text().split() if log.exists() else []
    process.kill()
    process.wait()
    while time.monotonic() < end and any(alive(int(pid)) for pid in pids):
        time.sleep(0.05)
    assert len(pids) == 2
    assert not any(alive(int(pid)) for pid in pids)


def test_a_signals_number_is_in_the_exit_code(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 11)"
    assert run_profiler([sys.executable, "-c", code], tmp_path / "log", Quiet()).returncode == 128 + 11


def test_the_command_gets_the_signals_that_a_shell_gives(tmp_path: Path) -> None:
    watch = Quiet()
    run_profiler(["/bin/sh", "-c", "grep SigIgn /proc/self/status; ls /proc/self/fd"], tmp_path / "log", watch)
    ignored, *descriptors = watch.whole.split("\n", 1)
    assert int(ignored.split()[1], 16) & (1 << 12 | 1 << 24) == 0  # SIGPIPE, SIGXFSZ
    assert len(descriptors[0].split()) == 4  # 0, 1, 2, and that of ls


@pytest.mark.parametrize("moment", ["end_family", "kill_family"])
def test_ctrl_c_while_a_child_is_being_ended_is_not_lost(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(*_: object) -> None:
        calls.append(moment)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(f"roofprof.profiler.run.runner.{moment}", interrupted)
    limit, code = (0.3, "import time; time.sleep(1)") if moment == "end_family" else (60, "pass")
    outcome = run_profiler([sys.executable, "-c", code], tmp_path / "log", Quiet(limit), grace_s=0.1)
    assert calls
    assert outcome.ending is Ending.INTERRUPTED


@pytest.mark.parametrize(("code", "is_busy"), [("while True: pass", True), ("import time; time.sleep(600)", False)])
def test_cpu_time_of_what_the_command_starts_is_seen(code: str, is_busy: bool, tmp_path: Path) -> None:
    watch = Quiet(3.5)
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], start_new_session=True)"
    run_profiler([sys.executable, "-c", child], tmp_path / "log", watch, grace_s=0.1)
    assert (watch.busy_count > 0) == is_busy


def test_cpu_time_is_life_for_a_while() -> None:
    watch = RunWatch("r", 1, 1, timeout_s=0.05)
    time.sleep(0.1)
    assert watch.hung()
    watch.busy()
    assert not watch.hung()
    time.sleep(0.05 * BUSY_FACTOR)
    watch.busy()
    assert watch.hung()  # a thread that spins on a dead GPU burns CPU for ever


def test_cpu_time_is_no_life_while_a_kernel_is_being_profiled() -> None:
    watch = NcuWatch("r", 1, 1, timeout_s=0.05)
    watch.feed('==PROF== Profiling "k" - 0: 0%....')
    time.sleep(0.1)
    watch.busy()
    assert watch.hung()
