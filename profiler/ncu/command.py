"""Nsight Compute's command line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roofprof.profiler.ncu.plan import PlannedRun
from roofprof.profiler.run.region import Region

OPTIONS = (
    # Clocks stay as the machine has them, because the SM clock is measured and locking needs rights.
    "--clock-control", "none",
    "--replay-mode", "kernel",
    # Without these two a report holds every cubin: 53 MB where 2 would do.
    "--import-sass", "0",
    "--import-source", "0",
)  # fmt: skip


MAX_FILTER = 100_000
"""Characters of the regular expression of a kernel filter; Linux takes 131,072 in one argument."""
_SYNTAX = re.compile(r"([@,\[\]/*+\\])")
"""Characters with a meaning in ncu's NVTX expressions."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which launches a run profiles."""

    region: Region
    warmup: int = 0
    """Regions that are left out; where it is not 0, the next one alone is profiled."""
    skip: int = 0
    count: int | None = None
    kernels: tuple[str, ...] = ()
    """Functions, by the name without template and arguments; all where empty."""
    graphs_whole: bool = False
    """Each CUDA graph as one result, and not node by node."""
    own_process: bool = False
    """The process that the command starts alone, and none that this starts in turn."""
    sample: bool = False
    """Of `kernels`, the first launch of each template instance, grid, block and shared memory alone."""
    left_out: tuple[str, ...] = ()
    """Functions that are never profiled: the driver failed at a CUDA graph with them."""


def ncu_options(run: PlannedRun, scope: Scope, given: Sequence[str] = ()) -> list[str]:
    """ncu's options of a run without its output: the part that the manifest records.

    Args:
        given: names of options that the user gives by hand; ours of that name are left out.
    """
    pairs = [
        *zip(OPTIONS[::2], OPTIONS[1::2], strict=True),
        ("--target-processes", "application-only" if scope.own_process else "all"),
        ("--graph-profiling", "graph" if scope.graphs_whole else "node"),
        ("--cache-control", "all" if run.cache == "cold" else "none"),
        *_region(scope.region),
        *_instance(scope),
        *([("--launch-skip", str(scope.skip))] if scope.skip else []),
        *([("--launch-count", str(scope.count))] if scope.count else []),
        *(_sample(scope.kernels) if scope.sample else _kernels(scope)),
        *([("--kernel-name", "regex:^nccl")] if run.look == "communication" else []),
        ("--metrics", ",".join(run.metrics)),
    ]
    own = [word for name, value in pairs if name not in given for word in (name, value)]
    return ["--nvtx", *own]


def _region(region: Region) -> list[tuple[str, str]]:
    if region.by_hand or region.kind in ("all", "auto"):
        return []
    if region.kind == "api":
        return [("--profile-from-start", "off")]
    name = _SYNTAX.sub(r"\\\1", str(region.name))
    # Push/pop ranges of the default domain and of ours, and start/end ranges.
    return [("--nvtx-include", expression) for expression in (f"{name}/", f"roofprof@{name}/", name)]


def _instance(scope: Scope) -> list[tuple[str, str]]:
    """ncu numbers cudaProfiler regions, and NVTX ranges that are included, from 1."""
    number = scope.warmup + 1
    filters = {"api": f":{number}:", "nvtx": f"::{number}"}
    return [("--range-filter", filters[scope.region.kind])] if scope.warmup and scope.region.kind in filters else []


def _kernels(scope: Scope) -> list[tuple[str, str]]:
    """ncu takes one expression: names that are wanted are none of those left out."""
    wanted = f"regex:^{_any_of(scope.kernels)}$"
    if scope.kernels and len(wanted) <= MAX_FILTER:
        return [("--kernel-name", wanted)]
    return [("--kernel-name", f"regex:^(?!{_any_of(scope.left_out)}$)")] if scope.left_out else []


def _any_of(names: Sequence[str]) -> str:
    return f"({'|'.join(map(re.escape, names))})"


def _sample(names: Sequence[str]) -> list[tuple[str, str]]:
    """In this mode ncu counts invocations by name and launch configuration.

    The name is the demangled one, for instances of one template may be of different instructions; a colon would end
    the expression.
    """
    # The last colon stands before the number of the invocation.
    expression = rf"::regex:(^|\W){_any_of(names)}(\W|$):1"
    return [
        ("--filter-mode", "per-launch-config"), ("--kernel-name-base", "demangled"), ("--kernel-id", expression),
    ]  # fmt: skip


def can_sample(names: Sequence[str]) -> bool:
    """Whether ncu takes these names in an expression for a sample."""
    return bool(names) and sum(map(len, names)) < MAX_FILTER // 3 and not any(":" in name for name in names)


def ncu_command(ncu: str, options: Sequence[str], output: Path, workload: Sequence[str]) -> list[str]:
    """The whole command line; `output` ends in .ncu-rep."""
    return [ncu, *options, "-f", "-o", str(output), *workload]
