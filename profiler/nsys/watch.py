"""Follows an nsys run, and says what its failures mean."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from roofprof.profiler.run.problems import Problem, ended_early, last_line, told_problem
from roofprof.profiler.run.runner import Ending, Outcome
from roofprof.profiler.run.watch import SETUP_LIMIT_S, Progress, ProgressCallback, file_size, last_stage


@dataclass(slots=True)
class NsysWatch:
    """Follows one nsys run; see `runner.Watch`. nsys does not say what it traces: signs of life are the workload's."""

    run: str
    run_number: int
    run_count: int
    callback: ProgressCallback | None = None
    progress_file: Path | None = None
    timeout_s: float | None = None
    output: str = ""
    """All that was printed, from `finish`."""
    _last_life: float = field(default_factory=time.monotonic)
    _last_size: int = 0

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        self._last_life = time.monotonic()
        self.say(last_stage(self.progress_file), text)

    def finish(self, text: str) -> None:
        """Take the whole output."""
        self.output = "\n".join(line for line in text.splitlines() if line.strip())

    def hung(self) -> bool:
        """Whether nothing has moved for longer than --timeout, or than setting up may take."""
        size = file_size(self.progress_file)
        if size != self._last_size:
            self._last_size = size
            self.feed("")
        return time.monotonic() - self._last_life > (self.timeout_s or SETUP_LIMIT_S)

    def say(self, what: str | None, output: str = "") -> None:
        """Show where the run stands."""
        if self.callback is not None:
            self.callback(Progress(self.run, self.run_number, self.run_count, None, op=what, output=output))


def explain_nsys(outcome: Outcome, output: str, report: Path, done: bool = True) -> Problem | None:
    """What went wrong with a run, or None when nsys and the workload ended well.

    Args:
        outcome: of the run.
        output: what it printed.
        report: the .nsys-rep that was asked for.
        done: whether the workload says that it came to its end; nsys may hide its exit code.
    """
    if early := ended_early(outcome, output):
        return early
    if outcome.ending is Ending.HUNG:
        return Problem("nothing moved any more under nsys", "allow more with --timeout, or leave nsys out: --no-nsys")
    if done and outcome.returncode == 0 and report.exists():
        return None
    if told := told_problem(output):
        return told
    if not report.exists() and (report.with_suffix(".qdstrm").exists() or ".qdstrm" in output):
        hint = "its importer may lack a library: install libdw1 (libdw.so.1), or give --no-nsys"
        return Problem("nsys could not make a report of what it recorded", hint, fatal=True)
    if outcome.returncode != 0:
        return Problem(f"nsys ended with exit code {outcome.returncode}", last_line(output))
    return Problem("the workload broke off under nsys" if report.exists() else "nsys left no report", last_line(output))
