"""How far a run is, for whatever shows it, and whether it still makes progress."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SETUP_LIMIT_S = 1800.0
"""Silence allowed before the first launch, unless --timeout says otherwise: weights, compilation."""


@dataclass(frozen=True, slots=True)
class CaptureProgress:
    """Where a capture stands."""

    run: str
    run_number: int
    run_count: int
    launch_count: int | None = 0
    """Launches profiled so far in this run; None where the profiler does not say."""
    launch_total: int | None = None
    """Launches that this run will profile, known from an earlier run of the same case."""
    kernel: str | None = None
    op: str | None = None
    """What the harness says that it is doing."""
    seconds_left: float | None = None
    """Of this run."""
    output: str = ""
    """What the workload itself printed since the last time."""


ProgressCallback = Callable[[CaptureProgress], None]


@dataclass(slots=True)
class RunWatch:
    """Follows one run by what the workload prints and by the harness's progress file; see `runner.Watch`."""

    run: str
    run_number: int
    run_count: int
    callback: ProgressCallback | None = None
    progress_file: Path | None = None
    timeout_s: float | None = None
    messages: list[str] = field(default_factory=list)
    """The profiler's own lines, from `finish`."""
    output: str = ""
    """The workload's lines, from `finish`."""
    _last_life: float = field(default_factory=time.monotonic)
    _last_size: int = 0

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        self.moved()
        self.say(last_stage(self.progress_file), text)

    def finish(self, text: str) -> None:
        """Take the whole output."""
        self.output = "\n".join(line for line in text.splitlines() if line.strip())

    def moved(self) -> None:
        """Note a sign of life."""
        self._last_life = time.monotonic()

    def hung(self) -> bool:
        """Whether there was no progress for longer than --timeout, or than is usual in this stage."""
        size = file_size(self.progress_file)
        if size != self._last_size:
            self._last_size = size
            self.moved()
            self.say(last_stage(self.progress_file))
        return time.monotonic() - self._last_life > (self.timeout_s or self.patience_s())

    def patience_s(self) -> float:
        """Silence allowed in this stage, unless --timeout says otherwise."""
        return SETUP_LIMIT_S

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands."""
        if self.callback is not None:
            self.callback(CaptureProgress(self.run, self.run_number, self.run_count, None, op=what, output=output))


def last_stage(progress_file: Path | None) -> str | None:
    """The last thing that the harness wrote: JSON lines with `op`, or plain text."""
    line = _last_line(progress_file)
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip() or None
    if not isinstance(entry, dict):
        return None
    words = (entry.get("stage"), entry.get("op") or entry.get("case"))
    return " ".join(str(word) for word in words if word) or None


def harness_done(progress_file: Path) -> bool:
    """Whether the harness wrote that it came to its end."""
    try:
        entry = json.loads(_last_line(progress_file))
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("event") == "done"


def _last_line(path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8").splitlines()[-1] if path else ""
    except (OSError, UnicodeDecodeError, IndexError):
        return ""


def file_size(path: Path | None) -> int:
    """Bytes of a file that grows as a sign of life; 0 where there is none."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0
