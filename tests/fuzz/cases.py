"""One thing to try, and the helpers that most kinds share."""

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from command_line import CommandLine
from outcomes import GOOD, Answer, Outcome, Verdict, judge

DATA = Path(__file__).parents[1] / "data"
DOCS = Path(__file__).parents[2] / "docs"
NINE = DATA / "profiler" / "nine-launches.ncu-rep"
"""The smallest report: nine launches in three ranges of an H100."""

Run = Callable[[Path, CommandLine], Verdict]


@dataclass(frozen=True, slots=True)
class Case:
    """One input or fault."""

    kind: str
    """The row of the table that it counts in."""
    name: str
    """Unique, and the same in every run."""
    run: Run
    """Does it in an empty folder."""
    wanted: frozenset[Outcome] = GOOD

    @property
    def label(self) -> str:
        """Kind and name in one."""
        return f"{self.kind}: {self.name}"


def chosen(key: str, of: Sequence[Case], count: int) -> list[Case]:
    """`count` of some cases, the same ones in every run, in their order."""
    if len(of) <= count:
        return list(of)
    kept = set(random.Random(zlib.crc32(key.encode())).sample(range(len(of)), count))
    return [case for number, case in enumerate(of) if number in kept]


def compared(make: Callable[[Path], Sequence[str]], whole: Callable[[Path], Sequence[str]], key: str) -> Run:
    """A run that makes a damaged input in a folder and compares its answer with that to the whole one.

    Args:
        make: writes the damaged input and gives the command's words; they name paths in the folder.
        whole: the same without damage.
        key: names `whole`, whose answer is kept for all cases that share it.
    """

    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        damaged = folder / "damaged" / "input"
        damaged.mkdir(parents=True)
        baseline = _baseline(folder, roofprof, whole, key)
        answer = roofprof.run(make(damaged), damaged)
        return judge(_placed(answer, damaged), baseline, Path("FOLDER"))

    return run


def _baseline(folder: Path, roofprof: CommandLine, whole: Callable[[Path], Sequence[str]], key: str) -> Answer:
    with roofprof.lock:
        if key not in roofprof.kept:
            place = folder / "whole" / "input"
            place.mkdir(parents=True)
            answer = roofprof.run(whole(place), place)
            assert answer.code == 0, f"{key}: the whole input gives {answer}"
            roofprof.kept[key] = _placed(answer, place)
        return roofprof.kept[key]


def _placed(answer: Answer, folder: Path) -> Answer:
    return Answer(
        answer.code,
        answer.out.replace(str(folder), "FOLDER"),
        answer.err.replace(str(folder), "FOLDER"),
        answer.ending,
        answer.where,
    )
