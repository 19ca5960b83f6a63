"""What the capturing commands print: a line of progress, and what became of each run."""

import shutil
import sys
import time
from pathlib import Path
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
    if result.starts > 1:
        print(f"{result.starts} starts of the workload, {result.wall_s:.1f} s")
    for item in result.not_needed:
        print(printable(f"skipped   {item.title}: {item.reason}"))
    for note in result.notes:
        print(printable(f"note: {note}"))
    print(printable(f"{result.path}: {result.state}"))


def print_next(folder: Path) -> None:
    """Say what reads a capture."""
    import shlex

    from roofprof.formatting import printable

    print(printable(f"next: roofprof analyze {shlex.quote(str(folder))}"))


def print_json(data: object) -> None:
    """Print one JSON document."""
    import json

    print(json.dumps(data, indent=1, ensure_ascii=False))


class ProgressLine:
    """One line on stderr that is written over, or one every ten seconds where stderr is not a terminal."""

    def __init__(self, show_output: bool = False) -> None:
        self._last = 0.0
        self._show_output = show_output
        self._width = shutil.get_terminal_size((100, 24)).columns - 1

    def __call__(self, progress: "CaptureProgress") -> None:
        """Show where the capture stands."""
        from roofprof.formatting import printable

        terminal = sys.stderr.isatty()
        if progress.output and self._show_output:
            sys.stderr.write(("\r\x1b[K" if terminal else "") + progress.output)
        now = time.monotonic()
        if now - self._last < (0.2 if terminal else 10):
            return
        self._last = now
        text = printable(_progress_text(progress))
        sys.stderr.write(f"\r\x1b[K{text[: self._width]}" if terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave nothing of the line on a terminal, so that the summary stands alone."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _progress_text(p: "CaptureProgress") -> str:
    count = "" if p.launch_count is None else f"{p.launch_count} launches, "
    if p.launch_total:
        count = f"{p.launch_count} of {p.launch_total} launches, "
    passed = f"{p.elapsed_s:.0f} s, " if p.elapsed_s >= 1 else ""
    left = "" if p.seconds_left is None else f"{p.seconds_left:.0f} s left, "
    what = p.op or p.kernel or ("running" if p.launch_count is None else "before the first launch")
    return f"[{p.run_number}/{p.run_count}] {p.run}: {count}{passed}{left}{what}"
