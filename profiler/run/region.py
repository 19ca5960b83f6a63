"""Which part of a workload is profiled: between cudaProfilerStart and Stop, in NVTX ranges of a name, or all of it."""

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roofprof.errors import UsageError

Kind = Literal["auto", "api", "nvtx", "all"]
_HINT = "use api (cudaProfilerStart and Stop), nvtx:NAME, all, or auto"
_START = re.compile(
    rb"cudaProfilerStart|cuda\.profiler\.(?:start|profile)|profiler_start|roofprof\.region|CUDA_PROFILER"
)
"""How workloads open a region: in their code, or by a word of their command line."""
_MAX_SCRIPT = 1 << 20
_PROFILERS = frozenset(("ncu", "nsys", "nv-nsight-cu-cli"))
BY_HAND = ("--profile-from-start", "--nvtx-include", "--nvtx-exclude", "--range-filter")
"""Options of ncu that choose a region; who gives one by hand has chosen."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region as asked for, or as it was found out."""

    kind: Kind
    name: str | None = None
    """Of the NVTX range."""
    by_hand: bool = False
    """Chosen by --ncu-args, which hold the words for it."""

    def __str__(self) -> str:
        return f"nvtx:{self.name}" if self.kind == "nvtx" else self.kind


def parse_region(text: str, ncu_args: Sequence[str] = ()) -> Region:
    """The region that --region and --ncu-args mean together.

    Raises:
        UsageError: not a region, or both choose one.
    """
    hand = [word.partition("=")[0] for word in ncu_args if word.partition("=")[0] in BY_HAND]
    if hand and text != "auto":
        raise UsageError(f"--region and {hand[0]} exclude each other", "leave one out")
    if hand:
        # Off until cudaProfilerStart is the one region of ncu's that a trace can be cut to.
        off = hand == ["--profile-from-start"] and {"off", "no", "0"} & {w.partition("=")[2] or w for w in ncu_args}
        return Region("api" if off else "all", by_hand=True)
    kind, colon, name = text.partition(":")
    if kind == "nvtx" and name:
        return Region("nvtx", name)
    if kind in ("auto", "api", "all") and not colon:
        return Region(kind)  # type: ignore[arg-type]
    raise UsageError(f"invalid --region: {text!r}", _HINT)


def opens_region(command: Iterable[str]) -> bool:
    """Whether a command, or a script that it names, speaks of cudaProfilerStart: a hint, where no trace tells."""
    for word in command:
        if _START.search(word.encode("utf-8", "surrogateescape")):
            return True
        path = Path(word)
        try:
            if path.suffix in (".py", ".sh") and path.is_file() and _START.search(path.read_bytes()[:_MAX_SCRIPT]):
                return True
        except OSError:
            continue
    return False


def check_command(command: Sequence[str]) -> None:
    """Refuse a workload that is not there, before a profiler is started for it.

    Raises:
        UsageError: no such program, none that may be run, or a profiler.
    """
    if not command:
        return
    program = command[0]
    if shutil.which(program) is None:
        what, hint = "no such program", "give the workload's command after --"
        if os.path.isdir(program):
            what = "it is a directory"
        elif os.path.isfile(program) and os.path.dirname(program):
            what, hint = "it is not executable", f"chmod +x {program}, or name what runs it: python {program}"
        raise UsageError(f"cannot run {program!r}: {what}", hint)
    if (name := os.path.basename(program)) in _PROFILERS:
        message = f"the command starts {name} itself, and a program has room for one profiler"
        raise UsageError(message, f"give the program that {name} starts after --: capture runs it under ncu and nsys")
