"""Why a run is not whole, and what to do about it: what the runs of all profilers have in common."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.errors import RoofprofError
from roofprof.profiler.run.runner import Ending, Outcome

SURVIVORS = "survivors"
"""Code of the problem that processes outlived a workload which came to its end."""
MAX_TOLD = 400
"""Characters of what a process says that are passed on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run is not whole."""

    message: str
    hint: str | None = None
    fatal: bool = False
    """Whether every later run would fail the same way."""
    fatal_if_empty: bool = False
    """Whether that holds where the run left no file: the workload itself failed, before there was anything of use."""
    interrupted: bool = False
    """Whether the user ended it."""
    unstarted: bool = False
    """Whether the profiler could not be started, so that there is nothing to keep."""
    code: str = ""
    """Word by which a profiler knows a problem again that another way of running may avoid."""


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
    message = f"the workload left processes running, which were ended: {_named(outcome.survivors)}"
    return Problem(message, hint, code=SURVIVORS)


def still_running(outcome: Outcome) -> str:
    """Which processes a hung profiler was waiting for; empty where it had none left."""
    return f"; still running: {_named(outcome.running)}" if outcome.running else ""


def _named(processes: Sequence[str]) -> str:
    counts = Counter(processes)
    return short(", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(counts.items())))


_TRACEBACK = re.compile(r"^(?P<mark>.{0,60}?)Traceback \(most recent call last\):")
_FRAME = re.compile(r'File "(?:[^"\n]*/)?([^"/\n]+)", line (\d+)(?:, in (\S+))?')
_OTHER_PROFILER = re.compile(
    r"CUPTI_ERROR_(?:MULTIPLE_SUBSCRIBERS|ALREADY_INITIALIZED|HARDWARE_BUSY)\w*"
    r"|[Aa]nother (?:tool|profiler|instance)[^\n]{0,80}(?:already|CUPTI|profil)[^\n]{0,80}"
)


def other_profiler(output: str) -> Problem | None:
    """A failed workload that used a profiler itself: only one at a time can."""
    if found := _OTHER_PROFILER.search(output):
        hint = "turn torch.profiler, nsys or other users of CUPTI off in the workload while it is captured"
        return Problem(f"the workload runs a profiler of its own: {short(found[0])}", hint)
    return None


def traceback_end(output: str) -> str | None:
    """The end of the last Python traceback that was printed: the last frame and the error, in one line."""
    lines = output.splitlines()
    for start in range(len(lines) - 1, -1, -1):
        if found := _TRACEBACK.match(lines[start]):
            break
    else:
        return None
    mark, frame = found["mark"], ""
    for line in lines[start + 1 :]:
        text = line.removeprefix(mark)
        if text[:1].isspace():
            if place := _FRAME.search(text):
                frame = f" ({place[1]}:{place[2]}{f', in {place[3]}' if place[3] else ''})"
        elif text.strip():
            return f"{short(text.strip())}{frame}"
    return None


def last_words(output: str) -> str | None:
    """A hint that quotes the error of the workload's last traceback, else the last line that was printed."""
    if told := traceback_end(output):
        return f"the workload ended with {told}"
    last = next((line for line in reversed(output.splitlines()) if line.strip()), None)
    return f"its last line was: {short(last.strip())}" if last else None


def short(text: str) -> str:
    """A text that may be of any length, cut for one line."""
    return text if len(text) <= MAX_TOLD else f"{text[: MAX_TOLD - 1]}…"
