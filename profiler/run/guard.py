"""Stands between roofprof and a profiler: whatever the profiler starts ends with it, and with roofprof itself.

Run as a script, with the standard library alone: `guard.py DESCRIPTOR COMMAND...`. Processes that leave their parents
(daemons) become the guard's children, because it is their subreaper. It ends them all, and itself,

- when the profiler has ended: what is still there after a moment is named on the descriptor, one name per line;
- when SIGTERM asks for it;
- when the descriptor's other end is closed: then roofprof is gone, SIGKILL included.

SIGINT is passed on to the profiler. The exit code is the profiler's, 128 and the number of the signal that ended it.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

NAME = "roofprof-guard"
PARTING_S = 1.0
"""What was about to end by itself once its parent was gone, such as multiprocessing's trackers, may do so."""
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
CANNOT_START = "!"
"""What the one line on the descriptor begins with where the command cannot be started; the reason follows."""
_NOT_STARTED = 127


def main(words: list[str]) -> int:
    """Guard one command; its exit code."""
    descriptor, command = int(words[0]), words[1:]
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: sessions and parents have to do
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_NAME, NAME.encode(), 0, 0, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(descriptor, False)
    wake = _wake_on_signals()
    child = _start(command, descriptor)
    signal.signal(signal.SIGINT, lambda *_: _send([child], signal.SIGINT))
    code = _follow(child, descriptor, wake)
    if code is None:
        return 128 + end_all(child)
    _name_survivors(descriptor)
    end_all()
    return code


def _wake_on_signals() -> int:
    """A descriptor that becomes readable at a signal."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: _stop.append(True))
    return reader


_stop: list[bool] = []
"""Filled once SIGTERM has come."""


def _start(command: list[str], descriptor: int) -> int:
    child = os.fork()
    if child == 0:
        # As a shell would start it: Python ignores the last two.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(descriptor, f"{CANNOT_START}{error.strerror}".encode())
        os._exit(_NOT_STARTED)
    return child


def _follow(child: int, descriptor: int, wake: int) -> int | None:
    """Wait for the command's end; its exit code, or None where everything is to be ended."""
    while True:
        ready, _, _ = select.select([descriptor, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
        if _stop or (descriptor in ready and not os.read(descriptor, 64)):
            return None
        for pid, status in _ended():
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def _ended() -> list[tuple[int, int]]:
    """Children that have ended, reaped, with their status."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            found.append((pid, status))
    return found


def _name_survivors(descriptor: int) -> None:
    """Tell who is still there a moment after the command's end."""
    end = time.monotonic() + PARTING_S
    while (left := descendants()) and time.monotonic() < end and not _stop:
        time.sleep(0.02)
        _ended()
    names = [_name(pid) for pid in left]
    with contextlib.suppress(OSError):
        os.write(descriptor, "".join(f"{name}\n" for name in names if name).encode()[:4096])


def end_all(child: int = 0) -> int:
    """Kill everything below this process, until nothing is left or the driver will not let it go.

    Returns:
        The number of the signal.
    """
    end = time.monotonic() + 10
    while (left := descendants()) and time.monotonic() < end:
        # A process that is forking is stopped first, or it would always be one ahead.
        _send(left, signal.SIGSTOP)
        _send(descendants(), signal.SIGKILL)
        time.sleep(0.01)
        _ended()
    return int(signal.SIGKILL)


def descendants() -> list[int]:
    """Live processes below this one."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as file:
                # The name is in brackets and may hold anything, spaces and brackets too.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    parents[int(entry)] = int(parent)
    found, last = {os.getpid()}, 0
    while len(found) > last:
        last = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return sorted(found - {os.getpid()})


def _name(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""


def _send(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
