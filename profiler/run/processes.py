"""Ending a profiler and everything that it started, gently enough that it can still write its report."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from roofprof.profiler.run import guard

_PROFILERS = ("ncu", "nsys", "nv-nsight-cu-cli", "TreeLauncher", "QdstrmImporter", guard.NAME)
"""How the names of the profilers' own processes start; the kernel keeps 15 characters of a name."""


def end_family(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """End the workload, then the profiler, then by force whatever of its family is left.

    A profiler that sees its workload end writes what it has; one that is killed writes nothing.
    """
    # Who leaves the session is found through its parent, and only while that lives.
    known = family(process.pid)
    workload = [pid for pid in known if not _is_profiler(pid)]
    if workload and process.pid not in workload:
        _send(workload, signal.SIGTERM)
        _wait(process, grace_s)
    if process.poll() is None:
        _send([process.pid], signal.SIGINT)
        _wait(process, grace_s)
    kill_family(process, known)


def kill_family(process: "subprocess.Popen[bytes]", known: Iterable[int] = ()) -> None:
    """End by force what is left of the family and of those known before, and reap the profiler."""
    if process.poll() is None:
        _send([process.pid], signal.SIGTERM)  # the guard ends all below it, daemons too
        _wait(process, guard.PARTING_S + 3)
    _send({*family(process.pid), *known}, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    # A process in an uninterruptible driver call cannot be waited for.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)


def family(root: int) -> list[int]:
    """Processes of the session that `root` leads, and its descendants in other sessions."""
    return sorted(_family_parents(root))


def _family_parents(root: int) -> dict[int, int]:
    """The processes of a family, each with its parent."""
    parents: dict[int, int] = {}
    members = {root}
    for pid, parent, session in _stats():
        parents[pid] = parent
        if session == root:
            members.add(pid)
    return {pid: parent for pid, parent in parents.items() if not members.isdisjoint((pid, *_above(pid, parents)))}


def started_process(root: int, workload: Sequence[str]) -> int | None:
    """The process of a family that runs a workload's command itself, and not one that it starts in turn.

    The words of an interpreter may stand before those of a script. None before it has started.
    """
    parents = _family_parents(root)
    words = {pid: _words(pid) for pid in parents if not _is_profiler(pid)}
    own = {pid for pid, said in words.items() if any(_is_command(said[skipped:], workload) for skipped in range(3))}
    first = [pid for pid in own if not any(pid_above in own for pid_above in _above(pid, parents))]
    return first[0] if len(first) == 1 else None


def _is_command(said: Sequence[str], workload: Sequence[str]) -> bool:
    """Whether words are a command's; its program may be found on PATH."""
    if not workload or len(said) != len(workload) or list(said[1:]) != list(workload[1:]):
        return False
    return os.path.basename(said[0]) == os.path.basename(workload[0])


def _above(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    seen = {pid}
    while (pid := parents.get(pid, 0)) and pid not in seen:
        seen.add(pid)
        yield pid


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    except OSError:
        return []


def workload_names(root: int) -> tuple[str, ...]:
    """Names of the processes of a family that are not the profiler's own, in the order of the alphabet."""
    return tuple(sorted(name for pid in family(root) if (name := _name(pid)) and not name.startswith(_PROFILERS)))


def _stats() -> list[tuple[int, int, int]]:
    """Process id, parent and session of every live process."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name is in brackets and may hold anything, spaces and brackets too.
            state, parent, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                found.append((int(entry.name), int(parent), int(session)))
    return found


class CpuMeter:
    """Tells whether the workload burns CPU time; asked often, it looks once a second."""

    INTERVAL_S = 1.0
    SHARE = 0.1
    """Of one core: a process that waits and polls burns less."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._last_s, self._looked = 0.0, time.monotonic()

    def busy(self) -> bool:
        """Whether it has burnt any in the interval that ends now."""
        passed_s = time.monotonic() - self._looked
        if passed_s < self.INTERVAL_S:
            return False
        burnt_s = sum(_cpu_s(pid) for pid in family(self._root) if not _is_profiler(pid))
        grown_s, self._last_s = burnt_s - self._last_s, burnt_s
        self._looked = time.monotonic()
        return grown_s > self.SHARE * passed_s


def _cpu_s(pid: int) -> float:
    """CPU time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _is_profiler(pid: int) -> bool:
    return _name(pid).startswith(_PROFILERS)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def process_names() -> set[str]:
    """Names of the processes that this user can see, 15 characters of each at most."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.add((entry / "comm").read_text(encoding="utf-8", errors="replace").strip())
    return found
