"""Runs one profiler command: its output into a log and past a watch, whether it ends on its own or has to be ended."""

import codecs
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from roofprof.errors import RoofprofError
from roofprof.profiler.run import guard
from roofprof.profiler.run.processes import CpuMeter, end_family, kill_family, workload_names

GRACE_S = 20.0
"""How long a profiler may take to write its report once its workload is gone."""
MIN_FREE_BYTES = 32 << 20
"""Below this the disk counts as full: a report that does not fit whole is worth nothing."""
_POLL_S = 0.25
_PIECE_BYTES = 1 << 20
_PIECES = 64
"""Read at once before anything else is looked at."""


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
    """128 and the number of the signal where a signal ended it."""
    wall_s: float
    survivors: tuple[str, ...] = ()
    """Names of processes that were still there a moment after its end; they were ended."""
    running: tuple[str, ...] = ()
    """Names of the workload's processes when a hung command was ended: a profiler waits for each of them."""


class Watch(Protocol):
    """Reads the output of a run as it comes."""

    def feed(self, text: str) -> None:
        """Take the next piece of output; lines may come in parts."""

    def finish(self) -> None:
        """Take note that there will be no more."""

    def look(self, root: int) -> None:
        """Look at the processes, which `root` leads; called some times a second."""

    def busy(self) -> None:
        """Take note that the processes have burnt CPU time since the last time."""

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

    Whatever it started has ended when this returns, daemons too; and ends if this process is killed. The log is raw:
    scrub it before it is kept.

    Raises:
        RoofprofError: the command cannot be started.
    """
    start = time.monotonic()
    # The output goes straight into a file: a pipe that nobody drains would hold up a profiler that is ending.
    with log.open("wb") as output:
        process, life = _start(command, output, environment)
    with life, log.open("rb") as file:
        reader = _Reader(file, watch)
        ending = Ending.INTERRUPTED
        running: tuple[str, ...] = ()
        try:
            ending = _follow(process, reader, watch, log.parent)
        except KeyboardInterrupt:
            pass
        finally:
            if ending is Ending.HUNG:
                running = workload_names(process.pid)
            if _end(process, ending, grace_s):
                ending = Ending.INTERRUPTED
        try:
            while reader.read():
                pass
        except KeyboardInterrupt:
            ending = Ending.INTERRUPTED
        watch.finish()
        told = _told(life)
    if told.startswith(guard.CANNOT_START):
        raise _cannot_start(command[0], told.removeprefix(guard.CANNOT_START))
    survivors = tuple(sorted(told.split("\n")[:-1]))
    return Outcome(ending, process.returncode, time.monotonic() - start, survivors, running)


def _start(
    command: Sequence[str], output: IO[bytes], environment: Mapping[str, str] | None
) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """The command below its guard, and the connection whose end tells the guard that we are gone."""
    ours, guards = socket.socketpair()
    # Isolated: the guard imports nothing from the working folder, and starts in 20 ms.
    words = [sys.executable, "-I", "-S", guard.__file__, str(guards.fileno()), *command]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[guards.fileno()],
            env=None if environment is None else dict(environment),
        )
    except OSError as error:
        ours.close()
        raise _cannot_start(command[0], error.strerror or str(error)) from error
    finally:
        guards.close()
    return process, ours


class _Reader:
    """Hands a growing log on in pieces, so that its size does not matter."""

    def __init__(self, log: IO[bytes], watch: Watch) -> None:
        self._log, self._watch = log, watch
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> bool:
        """Hand on the next piece; False where there is none yet."""
        data = self._log.read(_PIECE_BYTES)
        if text := self._decoder.decode(data):
            self._watch.feed(text)
        return bool(data)


def _follow(process: "subprocess.Popen[bytes]", reader: _Reader, watch: Watch, folder: Path) -> Ending:
    """Show the watch what is written until the process ends or has to be ended."""
    meter = CpuMeter(process.pid)
    while True:
        ended = process.poll() is not None
        behind = all(reader.read() for _ in range(_PIECES))
        if ended:
            return Ending.FINISHED
        watch.look(process.pid)
        if meter.busy():
            watch.busy()
        if watch.hung():
            return Ending.HUNG
        if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
            return Ending.DISK_FULL
        if not behind:
            time.sleep(_POLL_S)


def _end(process: "subprocess.Popen[bytes]", ending: Ending, grace_s: float) -> bool:
    """Leave nothing running; whether Ctrl-C has come meanwhile. It cuts the waiting short and is not lost."""
    try:
        if ending is not Ending.FINISHED:
            end_family(process, grace_s)
        kill_family(process)
    except KeyboardInterrupt:
        kill_family(process)
        return True
    return False


def _told(life: socket.socket) -> str:
    """What the guard has told, which has ended."""
    life.setblocking(False)
    try:
        return life.recv(1 << 16).decode("utf-8", "replace")
    except OSError:
        return ""


def _cannot_start(program: str, reason: str) -> RoofprofError:
    return RoofprofError(f"cannot start {Path(program).name}: {reason}", "see roofprof doctor")
