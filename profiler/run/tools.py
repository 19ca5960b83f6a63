"""Finds ncu and asks a tool how new it is."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from glob import glob
from pathlib import Path

INSTALL_FOLDERS = ("/usr/local/cuda/bin", "/opt/nvidia/nsight-compute/*", "/usr/local/NVIDIA-Nsight-Compute*")
_VERSION = re.compile(r"\b(20\d\d(?:\.\d+){1,3})")


@dataclass(frozen=True, slots=True)
class Tool:
    """A profiler on this machine."""

    name: str
    path: str
    version: str | None
    """Such as "2025.3.1.0", or None when it does not say."""

    @property
    def release(self) -> tuple[int, ...]:
        """The version's numbers, to compare: 2025.10 is newer than 2025.9; empty when it does not say."""
        return tuple(_numbers(self.version or ""))


def find_ncu() -> Tool | None:
    """ncu from PATH or where NVIDIA's installers put it, the newest folder first."""
    if found := shutil.which("ncu"):
        return Tool("ncu", found, tool_version(found))
    for pattern in INSTALL_FOLDERS:
        for folder in sorted(glob(pattern), key=_numbers, reverse=True):
            path = Path(folder) / "ncu"
            if path.is_file() and os.access(path, os.X_OK):
                return Tool("ncu", str(path), tool_version(str(path)))
    return None


def tool_version(path: str) -> str | None:
    """The version that a tool prints, or None when it prints none or does not run."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout + done.stderr)
    return found[1] if found else None


def _numbers(text: str) -> list[int]:
    """Sorts 2025.10 after 2025.9."""
    return [int(part) for part in re.findall(r"\d+", text)]
