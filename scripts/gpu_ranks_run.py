"""How gpu_ranks.py runs and ends commands, each within its step's time."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpu_ranks_reports import DEVICE, Failed


@dataclass
class Run:
    """What the steps share."""

    ranks: int
    out: Path
    work: Path
    """Reports and captures."""
    dry: bool = False
    deadline: float = 0.0
    """Of the step at hand, by the monotonic clock."""
    logs: list[str] = field(default_factory=list)

    def call(self, *words: str, check: bool = True) -> str:
        """Run a command within the step's time; its output.

        Raises:
            Failed: it ended with another code than 0, or ran out of time.
        """
        if self.dry:
            print("   ", shlex.join(words))
            return ""
        left = max(1.0, self.deadline - time.monotonic())
        # The output goes to a file: a pipe would be held open by whatever outlives the command.
        with open(self.out / "last.log", "w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                code = process.wait(left)
            except subprocess.TimeoutExpired:
                end_group(process)
                raise Failed(f"over its limit: {Path(words[0]).name} {' '.join(words[1:4])}") from None
            finally:
                log.flush()
                log.seek(0)
                text = log.read()
                self.logs.append(f"$ {shlex.join(words)}\n{text}")
        if check and code != 0:
            told = [line for line in text.splitlines() if line.strip()]
            errors = [line for line in told if line.startswith("error: ")] or told[-1:] or ["nothing said"]
            raise Failed(f"exit code {code}: {errors[-1][:300]}")
        return text

    def roofprof(self, *words: str, check: bool = True) -> str:
        """Run roofprof."""
        return self.call(sys.executable, "-m", "roofprof", *words, check=check)

    def capture(self, name: str, *words: str, command: Sequence[str] = (), check: bool = True) -> Path:
        """`roofprof capture --ranks N` into a folder of its own."""
        folder = self.work / name
        left = max(30, int(self.deadline - time.monotonic()) - 20) if not self.dry else 240
        self.roofprof(
            "capture", "--ranks", str(self.ranks), "--force", "-o", str(folder), "--deadline", str(left), *words,
            *(["--", *command] if command else []), check=check,
        )  # fmt: skip
        return folder


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a command and what it started: first so that it can end its own."""
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def module(name: str, *words: str) -> list[str]:
    """A module of the harness, on the device that is tried."""
    return [sys.executable, "-m", f"roofprof.harness.parallel.{name}", "--device", DEVICE, *words]


def processes() -> list[tuple[int, str]]:
    """Live processes of this machine with their words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                found.append(
                    (int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                )
    return found


def is_below(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another."""
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return False
        if pid == ancestor:
            return True
    return False
