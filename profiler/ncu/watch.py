"""What ncu and the harness say while they run: which kernel, how many launches, and what went wrong."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.profiler.run.watch import SETUP_LIMIT_S, Progress, ProgressCallback, file_size, last_stage

LAUNCH_LIMIT_S = 300.0
"""Silence allowed after it."""

_BEGUN = re.compile(r'==PROF== Profiling "(?P<name>.*?)" - (?P<index>\d+)(?: \([^)]*\))?:')
_DONE = re.compile(r"100% - (?P<passes>\d+) pass")
_MESSAGE = re.compile(r"==(?:PROF|ERROR|WARNING|NOTE)== ")


@dataclass(slots=True)
class NcuWatch:
    """Follows one ncu run; see `runner.Watch`."""

    run: str
    run_number: int
    run_count: int
    callback: ProgressCallback | None = None
    progress_file: Path | None = None
    timeout_s: float | None = None
    launch_total: int | None = None
    passes: list[int] = field(default_factory=list)
    """Passes of each launch that was profiled whole."""
    kernel: str | None = None
    messages: list[str] = field(default_factory=list)
    """ncu's own lines, from `finish`."""
    output: str = ""
    """The workload's lines, from `finish`."""
    _rest: str = ""
    _first: float | None = None
    _last_life: float = field(default_factory=time.monotonic)
    _last_size: int = 0

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        shown = [line for line in lines if not self._read(line)]
        begun = _BEGUN.search(self._rest)
        if begun:
            self.kernel = begun["name"]
        # While a kernel is being profiled only ncu's own line counts: other threads may go on talking.
        if not begun or len(shown) < len(lines) or not lines:
            self._last_life = time.monotonic()
        self._report("".join(f"{line}\n" for line in shown))

    def finish(self, text: str) -> None:
        """Sort the whole output into ncu's lines and the workload's."""
        if self._rest:
            self.feed("\n")
        theirs = []
        for line in text.splitlines():
            start = _MESSAGE.search(line)
            theirs.append(line[: start.start()] if start else line)
            if start:
                self.messages.append(line[start.start() :])
        self.output = "\n".join(line for line in theirs if line.strip())

    def hung(self) -> bool:
        """Whether nothing has moved for longer than --timeout, or than one would wait in this stage."""
        size = file_size(self.progress_file)
        if size != self._last_size:
            self._last_size = size
            self._last_life = time.monotonic()
            self._report("")
        limit = self.timeout_s or (LAUNCH_LIMIT_S if self.passes or self.kernel else SETUP_LIMIT_S)
        return time.monotonic() - self._last_life > limit

    def _read(self, line: str) -> bool:
        """Whether a line is ncu's; counts the launches in it."""
        if begun := _BEGUN.search(line):
            self.kernel = begun["name"]
        if done := _DONE.search(line):
            self._first = self._first or time.monotonic()
            self.passes.append(int(done["passes"]))
        return bool(begun or done or _MESSAGE.search(line))

    def _report(self, output: str) -> None:
        if self.callback is None:
            return
        left = None
        if self.launch_total and self._first is not None and len(self.passes) > 1:
            each = (time.monotonic() - self._first) / (len(self.passes) - 1)
            left = max(0.0, each * (self.launch_total - len(self.passes)))
        self.callback(
            Progress(
                self.run,
                self.run_number,
                self.run_count,
                len(self.passes),
                self.launch_total,
                self.kernel,
                last_stage(self.progress_file),
                left,
                output,
            )
        )
