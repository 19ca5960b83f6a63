"""Which process is the one that was started, and not one that this has started in turn."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from roofprof.profiler.run.processes import kill_family, started_process

Start = Callable[[Sequence[str]], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command in a session of its own; its process, which stands for the profiler's."""
    running = []

    def started(words: Sequence[str]) -> int:
        running.append(subprocess.Popen(words, start_new_session=True))
        return running[-1].pid

    yield started
    for process in running:
        kill_family(process)


def found(root: int, workload: Sequence[str]) -> int | None:
    for _ in range(40):
        if (pid := started_process(root, workload)) is not None:
            return pid
        time.sleep(0.05)
    return None


def words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def test_the_words_that_were_started_are_found_below_the_profiler(start: Start) -> None:
    root = start(["sh", "-c", "sleep 600; true"])
    pid = found(root, ["sleep", "600"])
    assert pid is not None
    assert pid != root
    assert words(pid) == ["sleep", "600"]
    assert started_process(root, ["sleep", "6"]) is None
    assert started_process(root, []) is None


def test_a_script_is_found_behind_its_interpreter_and_not_what_it_starts(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "serve"
    script.write_text("#!/bin/sh\nsleep 600\ntrue\n")
    script.chmod(0o755)
    root = start(["sh", "-c", f"{script} now; true"])
    for given in (str(script), "serve"):
        pid = found(root, [given, "now"])
        assert pid is not None
        assert words(pid)[-2:] == [str(script), "now"]


def test_of_a_program_that_starts_itself_the_first_is_meant(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "again"
    script.write_text('#!/bin/sh\n[ -n "$INNER" ] || INNER=1 "$0" "$@"\nsleep 600\ntrue\n')
    script.chmod(0o755)
    root = start(["sh", "-c", f"{script} x; true"])
    time.sleep(0.5)
    pid = found(root, [str(script), "x"])
    assert pid is not None
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert parent == root


def test_two_that_nobody_started_before_the_other_are_not_told_apart(start: Start) -> None:
    root = start(["sh", "-c", "sleep 600 & sleep 600; true"])
    time.sleep(0.5)
    assert started_process(root, ["sleep", "600"]) is None
