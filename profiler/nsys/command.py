"""Finds nsys and builds its command lines; running them is `profiler`'s runner."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from roofprof.profiler.run.tools import Tool, tool_version

_BUNDLED = "/opt/nvidia/nsight-compute"
_SYSTEM = "/opt/nvidia/nsight-systems"
# Nsight Compute bundles nsys in its host folder; Nsight Systems has it in target-linux-* and in bin.
PATTERNS = (
    ("/usr/local/cuda/bin", "nsys"),
    (_SYSTEM, "*/bin/nsys"),
    (_SYSTEM, "*/target-linux-x64/nsys"),
    (_SYSTEM, "*/target-linux-sbsa-armv8/nsys"),
    (_BUNDLED, "*/host/target-linux-x64/nsys"),
    (_BUNDLED, "*/host/target-linux-sbsa-armv8/nsys"),
    (_BUNDLED, "*/host/target-linux-sbsa*/nsys"),
    (_BUNDLED, "*/host/target-linux-*aarch64*/nsys"),
    (_BUNDLED, "*/host/linux-*/nsys"),
)

QUIET = ("--sample=none", "--cpuctxsw=none", "--backtrace=none")
"""No sampling of the CPU: its first trace reaches 2 GB, and it says nothing of the GPU."""


def find_nsys(root: Path = Path("/")) -> Path | None:
    """nsys on PATH, else the newest under /opt/nvidia; None where there is none.

    Args:
        root: where /opt is looked for.
    """
    if found := shutil.which("nsys"):
        return Path(found)
    for folder, pattern in PATTERNS:
        candidates = [p for p in (root / folder.lstrip("/")).glob(pattern) if p.is_file()]
        if candidates:
            return max(candidates, key=_version)
    return None


def nsys_tool() -> Tool | None:
    """nsys and its version; None where there is none."""
    found = find_nsys()
    return Tool("nsys", str(found), tool_version(str(found))) if found else None


def _version(path: Path) -> tuple[int, ...]:
    """Numbers of the first folder that looks like a version: 2025.10 is newer than 2025.9."""
    for part in path.parts:
        if part[:4].isdigit():
            return tuple(int(n) for n in part.replace("-", ".").split(".") if n.isdigit())
    return ()


def nsys_command(nsys: Path, output: Path, command: Sequence[str], *, capture_range: bool = True) -> list[str]:
    """`nsys profile` of a command, to `output`.nsys-rep.

    Args:
        nsys: the program.
        output: without a suffix; an older report there is overwritten.
        command: what to profile.
        capture_range: trace between cudaProfilerStart and cudaProfilerStop only. A CUDA graph must be
            captured after the start, or its nodes cannot be given to ops.
    """
    between = ("--capture-range=cudaProfilerApi", "--capture-range-end=stop") if capture_range else ()
    return [
        str(nsys),
        "profile",
        "--trace=cuda,nvtx",
        *QUIET,
        "--cuda-graph-trace=node",
        *between,
        "--force-overwrite=true",
        "--output",
        str(output),
        *command,
    ]


def export_command(nsys: Path, report: Path, target: Path) -> list[str]:
    """`nsys export` of a report to SQLite. What it writes holds secrets until `scrub.scrub` is done."""
    return [
        str(nsys), "export", "--type=sqlite", "--force-overwrite=true", "--output", str(target), str(report),
    ]  # fmt: skip
