"""Why a run is not whole, and what to do about it: what the runs of all profilers have in common."""

import re
from dataclasses import dataclass

from roofprof.errors import RoofprofError
from roofprof.profiler.run.runner import Ending, Outcome


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


def ended_early(outcome: Outcome, text: str) -> Problem | None:
    """An interruption or a full disk, by what we did or by what the run printed."""
    if outcome.ending is Ending.INTERRUPTED:
        return INTERRUPTED
    if outcome.ending is Ending.DISK_FULL or re.search(r"No space left on device|Disk quota exceeded", text):
        return Problem("the disk is full", "free some space, or give another directory with -o", fatal=True)
    return None


def told_problem(output: str, fatal: bool = False) -> Problem | None:
    """The workload's own words, where it ends as roofprof does: `error: ...` and `hint: ...`, the first of each."""
    own = dict(reversed(re.findall(r"^(error|hint): (.+)$", output, re.MULTILINE)))
    return Problem(own["error"], own.get("hint"), fatal) if "error" in own else None


def last_line(output: str) -> str | None:
    """A hint that quotes the last line that was printed."""
    last = next((line for line in reversed(output.splitlines()) if line.strip()), None)
    return f"its last line was: {last.strip()}" if last else None
