"""The GPU that a capture would run on, and what stands in its way, asked of nvidia-smi and the driver."""

import csv
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError

DRIVER_PARAMETERS = Path("/proc/driver/nvidia/params")
PROCESS_STATUS = Path("/proc/self/status")
_FIELDS = (
    "index",
    "uuid",
    "name",
    "compute_cap",
    "driver_version",
    "memory.total",
    "memory.used",
    "mig.mode.current",
)
_CAP_SYS_ADMIN, _CAP_PERFMON = 21, 38


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi shows it."""

    index: str
    name: str
    compute_capability: str
    driver: str
    memory_bytes: float | None
    memory_used_bytes: float | None
    mig: bool


def need_gpu() -> Gpu:
    """The first GPU that CUDA would use.

    Raises:
        RoofprofError: none here, or no driver.
    """
    found = gpus()
    if not found:
        raise RoofprofError(
            "no NVIDIA GPU was found", "run on a machine with a GPU and its driver; --dry-run needs neither"
        )
    return found[0]


def gpus() -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; empty without a driver."""
    rows = _query()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [_gpu(row) for row in rows]
    # CUDA itself stops at the first entry that means nothing.
    found = []
    for entry in chosen.split(","):
        match = [
            r for r in rows if entry.strip() == r["index"] or (len(entry) > 7 and r["uuid"].startswith(entry.strip()))
        ]
        if not match:
            break
        found += match
    # A MIG instance has a UUID that the query of whole GPUs does not show.
    return [_gpu(row) for row in (found or (rows[:1] if chosen.startswith("MIG-") else []))]


def _query() -> list[dict[str, str]]:
    command = ["nvidia-smi", f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    rows = csv.reader(done.stdout.splitlines(), skipinitialspace=True)
    return [dict(zip(_FIELDS, row, strict=True)) for row in rows if len(row) == len(_FIELDS)]


def _gpu(row: dict[str, str]) -> Gpu:
    return Gpu(
        row["index"], row["name"], row["compute_cap"], row["driver_version"],
        _mebibytes(row["memory.total"]), _mebibytes(row["memory.used"]), row["mig.mode.current"] == "Enabled",
    )  # fmt: skip


def _mebibytes(text: str) -> float | None:
    return float(text) * 2**20 if text.strip().isdigit() else None


def counters_permitted() -> bool | None:
    """Whether this user may read hardware counters; None where the driver does not say."""
    if _has_capability(_CAP_SYS_ADMIN) or _has_capability(_CAP_PERFMON):
        return True
    try:
        text = DRIVER_PARAMETERS.read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "RmProfilingAdminOnly":
            return value.strip() == "0"
    return None


PERMISSION_HINT = (
    "run as root, or let every user read counters: "
    "echo 'options nvidia NVreg_RestrictProfilingToAdminUsers=0' "
    "> /etc/modprobe.d/nvidia-profiler.conf and reload the driver; in a container --cap-add=SYS_ADMIN "
    "(https://developer.nvidia.com/ERR_NVGPUCTRPERM)"
)


def _has_capability(number: int) -> bool:
    try:
        status = PROCESS_STATUS.read_text(encoding="utf-8")
    except OSError:
        return os.geteuid() == 0
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
