"""What commands that capture have in common: lists in options, and the line of progress."""

import sys
import time
from typing import TYPE_CHECKING

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.profiler.progress import Progress


def sizes(option: str, text: str) -> tuple[int, ...]:
    """A list of sizes such as `1,64,128`, each once.

    Raises:
        UsageError: naming the option.
    """
    try:
        return tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        raise UsageError(f"{option} {text!r} is no list of sizes", "give sizes such as 1,64,128") from None


def words(text: str) -> tuple[str, ...]:
    """A list of words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


class ProgressLine:
    """One line on stderr that is written over, or one every ten seconds where stderr is no terminal."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: "Progress") -> None:
        """Show where the capture stands."""
        terminal = sys.stderr.isatty()
        if progress.output:
            sys.stderr.write(("\r\x1b[K" if terminal else "") + progress.output)
        now = time.monotonic()
        if now - self._last < (0.2 if terminal else 10):
            return
        self._last = now
        text = _progress_text(progress)
        sys.stderr.write(f"\r\x1b[K{text[:100]}" if terminal else f"{text}\n")
        sys.stderr.flush()


def _progress_text(p: "Progress") -> str:
    count = "" if p.launch_count is None else f"{p.launch_count} launches, "
    if p.launch_total:
        count = f"{p.launch_count} of {p.launch_total} launches, "
    left = "" if p.seconds_left is None else f"{p.seconds_left:.0f} s left, "
    return f"[{p.run_number}/{p.run_count}] {p.run}: {count}{left}{p.op or p.kernel or 'starting'}"
