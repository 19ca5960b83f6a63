"""What ncu and the harness say while they run: which kernel, how many launches, and what went wrong."""

import re
import time
from dataclasses import dataclass, field

from roofprof.profiler.run.watch import SETUP_LIMIT_S, CaptureProgress, RunWatch, last_stage

LAUNCH_LIMIT_S = 300.0
"""Silence allowed after it."""

_BEGUN = re.compile(r'==PROF== Profiling "(?P<name>.*?)" - (?P<index>\d+)(?: \([^)]*\))?:')
_DONE = re.compile(r"100% - (?P<passes>\d+) pass")
_MESSAGE = re.compile(r"==(?:PROF|ERROR|WARNING|NOTE)== ")


@dataclass(slots=True)
class NcuWatch(RunWatch):
    """Follows one ncu run."""

    launch_total: int | None = None
    passes: list[int] = field(default_factory=list)
    """Passes of each launch that was profiled whole."""
    kernel: str | None = None
    _rest: str = ""
    _first: float | None = None

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
            self.moved()
        self.say(last_stage(self.progress_file), "".join(f"{line}\n" for line in shown))

    def finish(self, text: str) -> None:
        """Sort the whole output into ncu's lines and the workload's."""
        if self._rest:
            self.feed("\n")
        workload = []
        for line in text.splitlines():
            start = _MESSAGE.search(line)
            workload.append(line[: start.start()] if start else line)
            if start:
                self.messages.append(line[start.start() :])
        self.output = "\n".join(line for line in workload if line.strip())

    def patience_s(self) -> float:
        """Silence allowed in this stage, unless --timeout says otherwise."""
        return LAUNCH_LIMIT_S if self.passes or self.kernel else SETUP_LIMIT_S

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands: launches, kernel, time left."""
        if self.callback is None:
            return
        left = None
        if self.launch_total and self._first is not None and len(self.passes) > 1:
            each = (time.monotonic() - self._first) / (len(self.passes) - 1)
            left = max(0.0, each * (self.launch_total - len(self.passes)))
        count, total = len(self.passes), self.launch_total
        self.callback(
            CaptureProgress(self.run, self.run_number, self.run_count, count, total, self.kernel, what, left, output)
        )

    def _read(self, line: str) -> bool:
        """Whether a line is ncu's; counts the launches in it."""
        if begun := _BEGUN.search(line):
            self.kernel = begun["name"]
        if done := _DONE.search(line):
            self._first = self._first or time.monotonic()
            self.passes.append(int(done["passes"]))
        return bool(begun or done or _MESSAGE.search(line))
