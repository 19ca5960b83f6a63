"""Nsight Compute's command line."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.profiler.ncu.plan import PlannedRun

OPTIONS = (
    # Clocks stay as the machine has them, because the SM clock is measured and locking needs rights.
    "--clock-control", "none",
    "--replay-mode", "kernel",
    "--graph-profiling", "node",
    "--target-processes", "all",
    "--nvtx",
    # Without these two a report holds every cubin: 53 MB where 2 would do.
    "--import-sass", "0",
    "--import-source", "0",
)  # fmt: skip


def ncu_options(run: PlannedRun, from_start: bool) -> list[str]:
    """ncu's options of a run without its output: the part that the manifest records.

    Args:
        from_start: profile from the first kernel; otherwise from cudaProfilerStart on.
    """
    cache = "all" if run.cache == "cold" else "none"
    start = [] if from_start else ["--profile-from-start", "off"]
    return [*OPTIONS, "--cache-control", cache, *start, "--metrics", ",".join(run.metrics)]


def ncu_command(ncu: str, options: Sequence[str], output: Path, workload: Sequence[str]) -> list[str]:
    """The whole command line; `output` ends in .ncu-rep."""
    return [ncu, *options, "-f", "-o", str(output), *workload]
