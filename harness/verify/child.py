"""The two ends of the pipe between a verification and the child process that does the checks."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import IO, Any

from roofprof.errors import RoofprofError
from roofprof.own_python import module_environment

COMMAND: tuple[str, ...] = ("-m", "roofprof.harness.verify")
_START_LIMIT_S = 300.0  # imports of torch and the kernel packages
Event = dict[str, Any]


class EventWriter:
    """The child's end: one JSON object per line on an inherited file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    def __call__(self, **event: object) -> None:
        """Write one event."""
        self._file.write(json.dumps(event) + "\n")


class ChildEnded(Exception):  # noqa: N818 - an outcome, not an error
    """The child ended, or was ended, before it reported that it was done; the text says how."""

    def __init__(self, how: str, exit_code: int | None = None) -> None:
        super().__init__(how)
        self.exit_code = exit_code
        """Its exit code, negative for a signal; None when it was ended for taking too long."""


def child_events(arguments: Sequence[str], limit_s: float) -> Iterator[Event]:
    """Start a child and yield its events; each must come within the limit that the one before set.

    An event may hold `limit_factor`, by which the limit for the next one is multiplied.

    Raises:
        ChildEnded: the child died, or was killed because it took too long.
    """
    reader, writer = os.pipe()
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as errors, os.fdopen(reader, "rb", 0) as events:
        command = [sys.executable, "-P", *COMMAND, *arguments, "--child", str(writer)]
        child = subprocess.Popen(
            command, pass_fds=[writer], stdout=errors, stderr=errors, start_new_session=True, env=module_environment()
        )
        os.close(writer)
        try:
            yield from _until_done(events, child, errors, limit_s)
        finally:
            _end(child)


def _until_done(
    events: IO[bytes], child: "subprocess.Popen[bytes]", errors: IO[str], limit_s: float
) -> Iterator[Event]:
    limit, rest = _START_LIMIT_S, b""
    while True:
        chunk = _read(events, limit)
        if chunk is None:
            raise ChildEnded(f"no result in {limit:.0f} s")
        if not chunk:
            raise _ending(child, errors)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            event: Event = json.loads(line)
            limit = limit_s * event.get("limit_factor", 1)
            yield event
            if event.get("event") in ("done", "refused"):
                return


def _read(events: IO[bytes], limit_s: float) -> bytes | None:
    """Some bytes; none at the end; None when nothing came in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(events, selectors.EVENT_READ)
        return os.read(events.fileno(), 65536) if selector.select(limit_s) else None


def _ending(child: "subprocess.Popen[bytes]", errors: IO[str]) -> ChildEnded:
    code = child.wait()
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return ChildEnded(f"the process ended: {how}" + (f"; it said: {lines[-1][:200]}" if lines else ""), code)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the child and what it started, compilers among them."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def refuse(event: Event) -> None:
    """Raise the error that kept a child from starting."""
    error = RoofprofError(event["message"], event["hint"])
    error.exit_code = event["exit_code"]
    raise error
