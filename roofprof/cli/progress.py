"""What the capturing commands print: a line of progress, and what became of each run."""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofprof.profiler.capture.session import CaptureResult
    from roofprof.profiler.run.watch import CaptureProgress


def print_result(result: "CaptureResult", as_json: bool) -> None:
    """Say what became of each run."""
    if as_json:
        print_json(result.as_dict())
        return
    from roofprof.formatting import printable

    for record in result.records:
        what = record.backend.summary(record)
        print(f"{record.state:<8}  {record.job.title}: {what}, {record.wall_s:.1f} s")
        if record.cause:
            print(printable(f"          {record.cause}" + (f" ({record.hint})" if record.hint else "")))
    for note in result.notes:
        print(printable(f"note: {note}"))
    print(printable(f"{result.path}: {result.state}"))


def print_json(data: object) -> None:
    """Print one JSON document."""
    import json

    print(json.dumps(data, indent=1, ensure_ascii=False))


class ProgressLine:
    """One line on stderr that is written over, or one every ten seconds where stderr is not a terminal."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: "CaptureProgress") -> None:
        """Show where the capture stands."""
        from roofprof.formatting import printable

        terminal = sys.stderr.isatty()
        if progress.output:
            sys.stderr.write(("\r\x1b[K" if terminal else "") + progress.output)
        now = time.monotonic()
        if now - self._last < (0.2 if terminal else 10):
            return
        self._last = now
        text = printable(_progress_text(progress))
        sys.stderr.write(f"\r\x1b[K{text[:100]}" if terminal else f"{text}\n")
        sys.stderr.flush()


def _progress_text(p: "CaptureProgress") -> str:
    count = "" if p.launch_count is None else f"{p.launch_count} launches, "
    if p.launch_total:
        count = f"{p.launch_count} of {p.launch_total} launches, "
    left = "" if p.seconds_left is None else f"{p.seconds_left:.0f} s left, "
    return f"[{p.run_number}/{p.run_count}] {p.run}: {count}{left}{p.op or p.kernel or 'starting'}"
