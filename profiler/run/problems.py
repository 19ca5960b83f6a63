"""Why a run is not whole, and what to do about it: what the runs of all profilers have in common."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.errors import RoofprofError
from roofprof.profiler.run.runner import Ending, Outcome

MAX_TOLD = 400
"""Characters of what a process says that are passed on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run is not whole."""

    message: str
    hint: str | None = None
    fatal: bool = False
    """Whether every later run would fail the same way."""
    interrupted: bool = False
    """Whether the user ended it."""
    unstarted: bool = False
    """Whether the profiler could not be started, so that there is nothing to keep."""


INTERRUPTED = Problem("interrupted", "what was captured so far is kept", fatal=True, interrupted=True)


class CaptureInterrupted(RoofprofError):  # noqa: N818 - the user's wish, not a defect
    """The user ended a capture before it had anything."""


def ended_early(outcome: Outcome, own: str = "") -> Problem | None:
    """An interruption or a full disk, by what we did or by what the profiler says.

    Args:
        own: lines of a profiler that has failed; a workload may print anything.
    """
    if outcome.ending is Ending.INTERRUPTED:
        return INTERRUPTED
    if outcome.ending is Ending.DISK_FULL or re.search(r"No space left on device|Disk quota exceeded", own):
        return Problem("the disk is full", "free some space, or give another directory with -o", fatal=True)
    return None


def told_problem(output: str, fatal: bool = False) -> Problem | None:
    """The workload's own words, where it ends as roofprof does: `error: ...` and `hint: ...`, the first of each."""
    own = dict(reversed(re.findall(r"^(error|hint): (.+)$", output, re.MULTILINE)))
    hint = short(own["hint"]) if "hint" in own else None
    return Problem(short(own["error"]), hint, fatal) if "error" in own else None


def left_running(outcome: Outcome) -> Problem | None:
    """What outlived its workload: whatever it launched was not profiled."""
    if not outcome.survivors:
        return None
    hint = "end them at the end of the workload, or keep them in the foreground"
    return Problem(f"the workload left processes running, which were ended: {_named(outcome.survivors)}", hint)


def still_running(outcome: Outcome) -> str:
    """Which processes a hung profiler was waiting for; empty where it had none left."""
    return f"; still running: {_named(outcome.running)}" if outcome.running else ""


def _named(processes: Sequence[str]) -> str:
    counts = Counter(processes)
    return short(", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(counts.items())))


def last_line(output: str) -> str | None:
    """A hint that quotes the last line that was printed."""
    last = next((line for line in reversed(output.splitlines()) if line.strip()), None)
    return f"its last line was: {short(last.strip())}" if last else None


def short(text: str) -> str:
    """A text that may be of any length, cut for one line."""
    return text if len(text) <= MAX_TOLD else f"{text[: MAX_TOLD - 1]}…"
