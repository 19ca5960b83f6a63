"""CPU seconds and memory of processes that take turns, so that a busy machine slows all of them alike."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
GIVE_UP_S = 150
"""CPU seconds of a process; one that takes longer is killed: older versions may need hours for what is quick now."""

_COMPILED = tempfile.TemporaryDirectory(prefix="roofprof-compiled-")
COMPILED = os.environ.get("PYTHONPYCACHEPREFIX") or _COMPILED.name
"""Where modules are kept compiled, in no checkout; another folder than a temporary one keeps them for the next time."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Python code that runs in a process of its own."""

    code: str
    words: tuple[str, ...] = ()
    """Its sys.argv from 1 on."""
    checkout: Path = ROOT
    """Where it imports roofprof from."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process with the children that it waited for."""

    cpu_s: float
    """User and system time."""
    peak_bytes: int
    """The largest ru_maxrss: pages of mapped files included."""


Rounds = Sequence[Mapping[str, Cost]]


def command(*words: str, checkout: Path = ROOT) -> Contestant:
    """The command line, as the installed script starts it."""
    return Contestant("from roofprof.__main__ import main; main()", words, checkout)


def environment(checkout: Path = ROOT) -> dict[str, str]:
    """Of a process that imports roofprof from there, its modules compiled as those that are installed are."""
    ours = {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1", "PYTHONPYCACHEPREFIX": COMPILED}
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | ours


def run(contestant: Contestant) -> Cost | None:
    """One run; None where it fails, with its last words on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-c", contestant.code, *contestant.words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(contestant.checkout),
    )
    assert process.stderr is not None
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (GIVE_UP_S, GIVE_UP_S))
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(f"{contestant.words or contestant.code}: {said.decode()[-600:]}", file=sys.stderr)
        return None
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def take_turns(contestants: Mapping[str, Contestant], rounds: int) -> Rounds:
    """Every contestant once, round after round; one that fails is left out from then on.

    The first round of several is not counted: it compiles modules and fills the page cache.
    """
    left = dict(contestants)
    found: list[dict[str, Cost]] = []
    for _ in range(rounds + (rounds > 1)):
        costs = {name: run(one) for name, one in left.items()}
        left = {name: one for name, one in left.items() if costs[name]}
        found.append({name: cost for name, cost in costs.items() if cost})
    return found[rounds > 1 :]


def seconds(rounds: Rounds, name: str) -> float | None:
    """Median CPU time; None where it did not run."""
    values = [one[name].cpu_s for one in rounds if name in one]
    return statistics.median(values) if values else None


def ratio(rounds: Rounds, name: str, other: str) -> float | None:
    """Median of the ratios within a round; None where one of the two did not run."""
    values = [one[name].cpu_s / one[other].cpu_s for one in rounds if name in one and other in one]
    return statistics.median(values) if values else None


def peak(rounds: Rounds, name: str) -> int | None:
    """The largest memory of any round; None where it did not run."""
    return max((one[name].peak_bytes for one in rounds if name in one), default=None)
