"""What ncu and the harness say while they run: which kernel, how many launches, and what went wrong."""

import re
import time
from dataclasses import dataclass, field

from roofprof.launches.kernel_labels import kernel_labels
from roofprof.profiler.run.output import Sorter, readable
from roofprof.profiler.run.watch import SETUP_LIMIT_S, CaptureProgress, RunWatch, last_stage

LAUNCH_LIMIT_S = 300.0
"""Silence allowed after it."""
MAX_MESSAGES = 200_000
"""Lines of ncu that are kept: two or three per launch."""

# Bounded repeats: a line that only begins like this must not be searched again from each of its characters.
_BEGUN = re.compile(r'==PROF== Profiling "(?P<name>.*?)"(?: - \d{1,12})?(?: \([^)]{0,40}\))?:')
_BY_ID = re.compile(r"\d{1,12}:\d{1,12}:(?P<name>.+):\d{1,12}", re.DOTALL)
"""With --kernel-id ncu prints context, stream, the demangled name and the invocation, and no number of the launch."""
_DONE = re.compile(r"100% - (?P<passes>\d{1,6}) pass")


@dataclass(slots=True)
class NcuWatch(RunWatch):
    """Follows one ncu run."""

    launch_total: int | None = None
    passes: list[int] = field(default_factory=list)
    """Passes of each launch that was profiled whole."""
    kernel: str | None = None
    startup_s: float | None = None
    """From the start to the first kernel."""
    _sorter: Sorter = field(default_factory=Sorter)
    _first: float | None = None

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        own, workload = self._sorter.feed(text)
        self._take(own)
        begun = _BEGUN.match(self._sorter.open_line)
        if begun:
            self._begin(begun["name"])
        # While a kernel is being profiled only ncu's own line counts: other threads may go on talking.
        if not begun or own or "\n" not in text:
            self.moved()
        self._text.add(workload)
        self.say(last_stage(self.progress_file), self.whole_lines(workload))

    def finish(self) -> None:
        """Take note that there will be no more output."""
        own, workload = self._sorter.finish()
        self._take(own)
        self._text.add(workload)
        RunWatch.finish(self)

    def patience_s(self) -> float:
        """Silence allowed in this stage, unless --timeout says otherwise."""
        return LAUNCH_LIMIT_S if self.passes or self.kernel else SETUP_LIMIT_S

    def cpu_is_life(self) -> bool:
        """Not while a kernel is being profiled: the workload spins until the GPU answers, which it may never do."""
        return not self.profiling

    @property
    def profiling(self) -> bool:
        """Whether a kernel has begun and not ended yet."""
        return _BEGUN.match(self._sorter.open_line) is not None

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands: launches, kernel, time left."""
        if self.callback is None:
            return
        left = None
        if self.launch_total and self._first is not None and len(self.passes) > 1:
            each = (time.monotonic() - self._first) / (len(self.passes) - 1)
            left = max(0.0, each * (self.launch_total - len(self.passes)))
        count, total = len(self.passes), self.launch_total
        place = self.run, self.run_number, self.run_count
        self.callback(CaptureProgress(*place, count, total, self.kernel, what, left, output, self.said()))

    def _begin(self, kernel: str) -> None:
        by_id = _BY_ID.fullmatch(kernel)
        self.kernel = _label(by_id["name"]) if by_id else kernel
        if self.startup_s is None:
            self.startup_s = time.monotonic() - self._started

    def _take(self, own: list[str]) -> None:
        """Keep ncu's lines, and count the launches in them."""
        for line in own:
            if begun := _BEGUN.match(line):
                self._begin(begun["name"])
            if done := _DONE.search(line):
                self._first = self._first or time.monotonic()
                self.passes.append(int(done["passes"]))
            if len(self.messages) >= MAX_MESSAGES:
                del self.messages[MAX_MESSAGES // 2 : MAX_MESSAGES // 2 + 1000]
            self.messages.append(readable(line))


def _label(demangled: str) -> str:
    function = "", demangled
    return kernel_labels([function])[function]
