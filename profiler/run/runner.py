"""Runs one profiler command: its output into a log and past a watch, whether it ends on its own or has to be ended."""

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from roofprof.errors import RoofprofError
from roofprof.profiler.run.processes import end_family, kill_family

GRACE_S = 20.0
"""How long a profiler may take to write its report once its workload is gone."""
MIN_FREE_BYTES = 32 << 20
"""Below this the disk counts as full: a report that does not fit whole is worth nothing."""
_POLL_S = 0.25


class Ending(StrEnum):
    """How a run came to its end."""

    FINISHED = "finished"
    """On its own, well or not."""
    HUNG = "hung"
    INTERRUPTED = "interrupted"
    DISK_FULL = "disk full"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command."""

    ending: Ending
    returncode: int | None
    wall_s: float


class Watch(Protocol):
    """Reads the output of a run as it comes."""

    def feed(self, text: str) -> None:
        """Take the next piece of output; lines may come in parts."""

    def finish(self, text: str) -> None:
        """Take the whole output, after the end."""

    def hung(self) -> bool:
        """Whether too long has passed without a sign of life; asked some times a second."""
        ...


def run_profiler(
    command: Sequence[str],
    log: Path,
    watch: Watch,
    environment: Mapping[str, str] | None = None,
    grace_s: float = GRACE_S,
) -> Outcome:
    """Run a command in a session of its own until it ends, hangs, is interrupted, or the disk is full.

    Whatever it started has ended when this returns. The log is raw: scrub it before it is kept.

    Raises:
        RoofprofError: the command cannot be started.
    """
    start = time.monotonic()
    # The output goes straight into a file: a pipe that nobody drains would hold up a profiler that is ending.
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if environment is None else dict(environment),
            )
        except OSError as error:
            name = Path(command[0]).name
            raise RoofprofError(f"cannot start {name}: {error.strerror}", "see roofprof doctor") from error
    ending = Ending.INTERRUPTED
    try:
        with log.open("rb") as reader:
            ending = _follow(process, reader, watch)
    except KeyboardInterrupt:
        pass
    finally:
        _end(process, ending, grace_s)
    with log.open("rb") as reader:
        watch.finish(reader.read().decode("utf-8", "replace"))
    return Outcome(ending, process.returncode, time.monotonic() - start)


def _follow(process: "subprocess.Popen[bytes]", log: IO[bytes], watch: Watch) -> Ending:
    """Show the watch what is written until the process ends or has to be ended."""
    while True:
        ended = process.poll() is not None
        text = log.read().decode("utf-8", "replace")
        if text:
            watch.feed(text)
        if ended:
            return Ending.FINISHED
        if watch.hung():
            return Ending.HUNG
        if shutil.disk_usage(Path(log.name).parent).free < MIN_FREE_BYTES:
            return Ending.DISK_FULL
        time.sleep(_POLL_S)


def _end(process: "subprocess.Popen[bytes]", ending: Ending, grace_s: float) -> None:
    """Leave nothing running; a second Ctrl-C cuts the waiting short."""
    try:
        if ending is not Ending.FINISHED:
            end_family(process, grace_s)
        kill_family(process)
    except KeyboardInterrupt:
        kill_family(process)
