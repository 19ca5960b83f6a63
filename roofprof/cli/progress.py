"""What the capturing commands print: a line of progress, and what became of each run."""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofprof.profiler.capture.session import CaptureResult
    from roofprof.profiler.run.watch import Progress


def print_result(result: "CaptureResult", as_json: bool) -> None:
    """Say what became of each run."""
    if as_json:
        runs, nsys = [r.as_dict() for r in result.runs], [t.as_dict() for t in result.traces]
        print_json({"path": str(result.path), "state": result.state, "runs": runs, "nsys": nsys})
        return
    for run in result.runs:
        passes = "/".join(map(str, run.passes)) or "?"
        print(
            f"{run.state:<8}  {run.phase} {run.planned.name} {run.planned.cache}: {run.launches} launches, "
            f"{passes} pass{'es' if passes != '1' else ''}, {run.wall_s:.1f} s"
        )
        _print_cause(run.cause, run.hint)
    for trace in result.traces:
        count = "no trace" if trace.trace is None else f"{trace.operations} GPU operations"
        print(f"{trace.state:<8}  {trace.phase} nsys {trace.name}: {count}, {trace.wall_s:.1f} s")
        _print_cause(trace.cause, trace.hint)
    for note in result.notes:
        print(f"note: {note}")
    print(f"{result.path}: {result.state}")


def _print_cause(cause: str | None, hint: str | None) -> None:
    if cause:
        print(f"          {cause}" + (f" ({hint})" if hint else ""))


def print_json(data: object) -> None:
    """Print one JSON document."""
    import json

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
    count = "" if p.launch_count is None else f"{p.launch_count} launches, "
    if p.launch_total:
        count = f"{p.launch_count} of {p.launch_total} launches, "
    left = "" if p.seconds_left is None else f"{p.seconds_left:.0f} s left, "
    return f"[{p.run_number}/{p.run_count}] {p.run}: {count}{left}{p.op or p.kernel or 'starting'}"
