"""What the capturing commands print: a line of progress, and what became of each run."""

import json
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofprof.profiler.capture import CaptureResult
    from roofprof.profiler.progress import Progress


def print_result(result: "CaptureResult", as_json: bool) -> None:
    """Say what became of each run."""
    if as_json:
        print_json({"path": str(result.path), "state": result.state, "runs": [r.as_dict() for r in result.runs]})
        return
    for run in result.runs:
        passes = "/".join(map(str, run.passes)) or "?"
        print(
            f"{run.state:<8}  {run.phase} {run.planned.name} {run.planned.cache}: {run.launches} launches, "
            f"{passes} pass{'es' if passes != '1' else ''}, {run.wall_s:.1f} s"
        )
        if run.cause:
            print(f"          {run.cause}" + (f" ({run.hint})" if run.hint else ""))
    for note in result.notes:
        print(f"note: {note}")
    print(f"{result.path}: {result.state}")


def print_json(data: object) -> None:
    """Print one JSON document."""
    print(json.dumps(data, indent=1, ensure_ascii=False))


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
    count = f"{p.launch_count}" + (f" of {p.launch_total}" if p.launch_total else "")
    what = p.op or p.kernel or "starting"
    left = "" if p.seconds_left is None else f", {p.seconds_left:.0f} s left"
    return f"[{p.run_number}/{p.run_count}] {p.run}: {count} launches{left}, {what}"
