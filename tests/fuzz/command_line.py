"""Runs roofprof's commands many times: in a process that has imported it already, watched from outside."""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outcomes import Answer, Outcome

ROOT = Path(__file__).parents[2]
MEMORY_BYTES = 2 << 30
TIMEOUT_S = 30.0
PYTHON = (sys.executable, "-P")
"""-P: what lies in the working folder is not imported by the command itself."""


def environment(**more: str) -> dict[str, str]:
    """The environment of every command: this checkout's package, no colours, and no options of the outside."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "ROOFPROF", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", **more}


class CommandLine:
    """One worker process; `run` may be called from several threads, one after the other."""

    def __init__(self, **more: str) -> None:
        self.lock = threading.RLock()
        self.kept: dict[str, Answer] = {}
        """Answers to whole inputs, by what they are of."""
        self._environment = environment(**more)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, arguments: Sequence[str], cwd: Path, timeout_s: float = TIMEOUT_S) -> Answer:
        """The answer of `roofprof ARGUMENTS`."""
        with self.lock:
            process = self._started()
            assert process.stdin
            process.stdin.write(json.dumps({"arguments": list(arguments), "cwd": str(cwd)}).encode() + b"\n")
            process.stdin.flush()
            line, ending = self._line(process, timeout_s)
            if ending:
                self.close()
                return Answer(None, ending=ending, err=ending.value)
            answer: dict[str, Any] = json.loads(line)
            return Answer(**answer)

    def close(self) -> None:
        """End the worker."""
        if self._process:
            end_tree(self._process)
        self._process = None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            worker = str(Path(__file__).with_name("command_worker.py"))
            self._process = subprocess.Popen(
                [*PYTHON, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=self._environment, start_new_session=True,
            )  # fmt: skip
        return self._process

    def _line(self, process: "subprocess.Popen[bytes]", timeout_s: float) -> tuple[bytes, Outcome | None]:
        """The worker's next line, or why there is none."""
        assert process.stdout
        end, line = time.monotonic() + timeout_s, b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if selector.select(0.03):
                    piece = os.read(process.stdout.fileno(), 1 << 20)
                    if not piece:
                        return b"", Outcome.CRASH
                    line += piece
                elif _resident_bytes(process.pid) > MEMORY_BYTES:
                    return b"", Outcome.MEMORY
                elif time.monotonic() > end:
                    return b"", Outcome.HANG
        return line, None


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return 0


def start(
    arguments: Sequence[str], cwd: Path, more: Mapping[str, str] | None = None, module: str = "roofprof"
) -> "subprocess.Popen[str]":
    """A command as a process of its own, in a session of its own."""
    return subprocess.Popen(
        [*PYTHON, "-m", module, *arguments], cwd=cwd, env=environment(**(more or {})), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]", timeout_s: float = TIMEOUT_S) -> Answer:
    """Wait for a command; what does not end is ended, with all that it started."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        end_tree(process)
        return Answer(None, ending=Outcome.HANG, err=f"no end within {timeout_s:g} s")
    if process.returncode < 0:
        return Answer(process.returncode, out, err, ending=Outcome.CRASH)
    return Answer(process.returncode, out, err)


def end_tree(process: "subprocess.Popen[Any]") -> None:
    """End a process that we started, its session and its descendants."""
    for pid in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(OSError):
            os.kill(pid, 9)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):
            if stream:
                stream.close()


def descendants(root: int) -> list[int]:
    """Processes below a process, as /proc has them now."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, last = {root}, 0
    while len(found) > last:
        last = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return sorted(found - {root})


def copied(source: Path, target: Path) -> Path:
    """A copy of a file or a folder that may be written to."""
    if source.is_dir():
        return Path(shutil.copytree(source, target))
    target.write_bytes(source.read_bytes())
    return target
