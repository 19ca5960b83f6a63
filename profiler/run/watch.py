"""Where a run stands, for whoever shows it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SETUP_LIMIT_S = 1800.0
"""Silence allowed before the first launch, unless --timeout says otherwise: weights, compilation."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a capture stands."""

    run: str
    run_number: int
    run_count: int
    launch_count: int | None = 0
    """Launches profiled so far in this run; None under nsys, which does not say."""
    launch_total: int | None = None
    """Launches that this run will profile, known from an earlier run of the same case."""
    kernel: str | None = None
    op: str | None = None
    """What the harness says that it is doing."""
    seconds_left: float | None = None
    """Of this run."""
    output: str = ""
    """What the workload itself printed since the last time."""


ProgressCallback = Callable[[Progress], None]


def last_stage(progress_file: Path | None) -> str | None:
    """The last thing that the harness wrote: JSON lines with `op`, or plain text."""
    line = _last_line(progress_file)
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip() or None
    if not isinstance(entry, dict):
        return None
    words = (entry.get("stage"), entry.get("op") or entry.get("case"))
    return " ".join(str(word) for word in words if word) or None


def harness_done(progress_file: Path) -> bool:
    """Whether the harness wrote that it came to its end."""
    try:
        entry = json.loads(_last_line(progress_file))
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("event") == "done"


def _last_line(path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8").splitlines()[-1] if path else ""
    except (OSError, UnicodeDecodeError, IndexError):
        return ""


def file_size(path: Path | None) -> int:
    """Bytes of a file that grows as a sign of life; 0 where there is none."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0
