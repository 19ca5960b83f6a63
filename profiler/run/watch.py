"""How far a run is, for whatever shows it, and whether it still makes progress."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.profiler.run.output import KeptText, readable_lines
from roofprof.profiler.run.processes import started_process

SETUP_LIMIT_S = 1800.0
"""Silence allowed before the first launch, unless --timeout says otherwise: weights, compilation."""
BUSY_FACTOR = 10
"""How many times as long a silent workload may take while it burns CPU time: a JIT compiler says nothing for minutes,
but a thread that spins on a GPU that will never answer burns CPU as well."""
_LINE_SHOWN = 4096
_SAY_EVERY_S = 1.0
"""A silent workload is shown to be running that often."""
_MAX_EVENT = 1 << 16
"""Bytes of the last line of a progress file."""


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
    elapsed_s: float = 0.0
    """Of this run."""


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
    """The workload's lines, from `finish`: their beginning and their end where there are many."""
    workload: Sequence[str] = ()
    """The command whose process is looked for."""
    process_id: int | None = None
    """Of the process that the profiler started for it; None where it was not seen."""
    _text: KeptText = field(default_factory=KeptText)
    _line: str = ""
    """What is not shown yet, since its line has no end."""
    _last_life: float = field(default_factory=time.monotonic)
    _last_busy: float = -math.inf
    _last_size: int = 0
    _started: float = field(default_factory=time.monotonic)
    _last_said: float = -math.inf

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        self.moved()
        self._text.add(text)
        self.say(last_stage(self.progress_file), self.whole_lines(text))

    def finish(self) -> None:
        """Take note that there will be no more output."""
        self.output = readable_lines(self._text.text())

    def whole_lines(self, text: str) -> str:
        """The lines that a piece of the workload's output ends; the next progress would overwrite half a line."""
        lines, end, rest = (self._line + text).rpartition("\n")
        if len(rest) > _LINE_SHOWN:
            lines, end, rest = lines + end + rest, "\n", ""
        self._line = rest
        return lines + end

    def moved(self) -> None:
        """Note a sign of life."""
        self._last_life = time.monotonic()

    def look(self, root: int) -> None:
        """Look for the workload's own process until it is there."""
        if self.workload and self.process_id is None:
            self.process_id = started_process(root, self.workload)

    def busy(self) -> None:
        """Note that the processes have burnt CPU time since the last time."""
        self._last_busy = time.monotonic()

    def hung(self) -> bool:
        """Whether there was no progress for longer than --timeout, or than is usual in this stage."""
        size = file_size(self.progress_file)
        if size != self._last_size:
            self._last_size = size
            self.moved()
            self.say(last_stage(self.progress_file))
        if time.monotonic() - self._last_said > _SAY_EVERY_S:
            self.say(last_stage(self.progress_file))
        now, limit_s = time.monotonic(), self.timeout_s or self.patience_s()
        if self.cpu_is_life() and now - self._last_busy <= limit_s:
            limit_s *= BUSY_FACTOR
        return now - self._last_life > limit_s

    def cpu_is_life(self) -> bool:
        """Whether CPU time tells anything in this stage."""
        return True

    def patience_s(self) -> float:
        """Silence allowed in this stage, unless --timeout says otherwise."""
        return SETUP_LIMIT_S

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands."""
        if self.callback is not None:
            elapsed_s = self.said()
            self.callback(
                CaptureProgress(
                    self.run, self.run_number, self.run_count, None, op=what, output=output, elapsed_s=elapsed_s
                )
            )

    def said(self) -> float:
        """Note that progress is shown; the seconds of this run."""
        self._last_said = time.monotonic()
        return self._last_said - self._started


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
        if path is None:
            return ""
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_EVENT))
            return file.read().decode("utf-8", "replace").splitlines()[-1]
    except (OSError, IndexError):
        return ""


def file_size(path: Path | None) -> int:
    """Bytes of a file that grows as a sign of life; 0 where there is none."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0
