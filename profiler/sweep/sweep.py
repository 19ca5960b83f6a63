"""Captures over several batch sizes and lengths, one directory for each length; an interrupted sweep is taken up again.

All batch sizes of one decode length are one capture: one process for each profiler run walks through them, so that
start-up, compilation and weights are paid once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.profiler.capture.session import CaptureResult, capture
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import CaptureInterrupted
from roofprof.profiler.run.watch import ProgressCallback
from roofprof.profiler.sweep.plan import SweepOptions, planned_captures
from roofprof.profiler.sweep.record import SweepRecord


@dataclass(frozen=True, slots=True)
class SweepFailure:
    """A capture that gave nothing, or not all."""

    name: str
    message: str
    hint: str | None
    interrupted: bool = False
    """Whether the user ended it."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep left behind."""

    captures: tuple[Path, ...]
    """Directories with something to analyse, those of earlier rounds included."""
    skipped: tuple[str, ...]
    """Those that were complete before."""
    failures: tuple[SweepFailure, ...]
    interrupted: bool = False


Announce = Callable[[str], None]


def sweep(
    options: SweepOptions, progress: ProgressCallback | None = None, announce: Announce = lambda _: None
) -> SweepResult:
    """Capture what is missing. A capture that fails is noted, and the others follow.

    Args:
        options: what to capture, and into which folder.
        progress: of each capture.
        announce: called with a line of words as captures begin, fail or are skipped.

    Raises:
        UsageError: an option is wrong, or the folder holds something else; nothing was launched.
        RoofprofError: nothing at all was captured.
    """
    planned = planned_captures(options)
    record = SweepRecord.open(options)
    found = [record.path(name) for item in planned for name in record.complete(item)]
    skipped: list[str] = []
    failures: list[SweepFailure] = []
    interrupted = False
    for number, item in enumerate(planned, 1):
        missing = record.missing(item)
        if not missing:
            skipped.append(item.name)
            announce(f"{item.name}: complete, skipped")
            continue
        name = record.begin(item, missing)
        announce(f"{name} ({number} of {len(planned)}): batch {','.join(map(str, missing))}")
        rest = replace(item, batches=missing).options(replace(options.base, force=True), record.path(name))
        result, failure = _capture(name, rest, progress)
        if result is not None:
            found.append(result.path)
        if failure is not None:
            failures.append(failure)
            announce(f"{name}: {failure.message}")
            interrupted = failure.interrupted
            if interrupted:
                break
    if not found:
        raise RoofprofError(failures[0].message, failures[0].hint)
    return SweepResult(tuple(dict.fromkeys(found)), tuple(skipped), tuple(failures), interrupted)


def _capture(
    name: str, options: CaptureOptions, progress: ProgressCallback | None
) -> tuple[CaptureResult | None, SweepFailure | None]:
    try:
        result = capture(options, progress)
    except UsageError:
        raise
    except RoofprofError as error:
        return None, SweepFailure(name, error.message, error.hint, isinstance(error, CaptureInterrupted))
    if result.state == "complete":
        return result, None
    causes = [(record.cause, record.hint) for record in result.records if record.cause]
    cause, hint = causes[-1] if causes else ("see its logs", None)
    return result, SweepFailure(name, f"{result.state}: {cause}", hint, result.interrupted)
