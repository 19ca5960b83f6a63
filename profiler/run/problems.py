"""Why a run is not whole, and what to do about it: what ncu's and nsys' runs have in common."""

import re
from dataclasses import dataclass

from roofprof.profiler.run.runner import Ending, Outcome


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run is not whole."""

    message: str
    hint: str | None = None
    fatal: bool = False
    """Whether every later run would fail the same way."""


def ended_early(outcome: Outcome, text: str) -> Problem | None:
    """An interruption or a full disk, by what we did or by what the run printed."""
    if outcome.ending is Ending.INTERRUPTED:
        return Problem("interrupted", "what was captured so far is kept", fatal=True)
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
