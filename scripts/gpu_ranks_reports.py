"""What gpu_ranks.py reads of reports and traces, with ncu's and Python's own means: polars may not be there."""

import contextlib
import csv
import io
import os
import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAYLOAD_MIB = 64
STEPS_RUN = 3
LATE_MS = 2.0
PEER_BYTES = 256 << 20
FROM_START = ("--ncu-args", "--profile-from-start off")
"""The workload says itself when its start-up is over."""
TOLERANCE = 1e-3
"""Of link bytes against the ring's."""
LINK_METRICS = (
    "gpu__time_duration.sum", "nvltx__bytes_data_user.sum", "nvlrx__bytes_data_user.sum", "nvltx__bytes.sum",
    "nvlrx__bytes.sum",
)  # fmt: skip
TX, RX = "nvltx__bytes_data_user.sum", "nvlrx__bytes_data_user.sum"
DEVICE = os.environ.get("GPU_RANKS_DEVICE", "cuda")
"""cpu: with stub profilers, to try the script itself."""


class Failed(Exception):  # noqa: N818 - a verdict
    """What a step found wrong."""


def launches(report: Path) -> list[dict[str, Any]]:
    """Kernel name and metrics in base units of each launch, in order."""
    command = [ncu(), "--import", str(report), "--csv", "--page", "raw", "--print-units", "base", "--print-fp"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    found = parse_csv(done.stdout)
    if not found:
        raise Failed(f"ncu shows nothing of {report.name}: {done.stderr.strip()[:200]}")
    return found


def ncu() -> str:
    """ncu from PATH or from where NVIDIA installs it."""
    from roofprof.profiler.run.tools import find_ncu

    found = find_ncu()
    return found.path if found else "ncu"


def parse_csv(text: str) -> list[dict[str, Any]]:
    """The rows of ncu's raw page: a header, a row of units, then one row a launch."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if start is None:
        return []
    header, _, *rows = csv.reader(io.StringIO("\n".join(lines[start:])))
    return [{key: number(value) for key, value in zip(header, row, strict=False)} for row in rows if row]


def number(text: str) -> Any:
    """A number of a CSV, or the text."""
    plain = text.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        return text


def is_nccl(launch: Mapping[str, Any]) -> bool:
    """Whether it is a collective's kernel."""
    return "nccl" in str(launch.get("Kernel Name", "")).lower()


COLLECTIVES = ("AllReduce", "AllGather", "ReduceScatter", "SendRecv", "Broadcast")


def collective(launch: Mapping[str, Any]) -> str | None:
    """Which collective a kernel of NCCL does."""
    return next((kind for kind in COLLECTIVES if kind in str(launch.get("Kernel Name", ""))), None)


def truths(n: int) -> dict[str, float]:
    """Bytes that each rank sends by a ring, the broadcast's last rank aside."""
    size = PAYLOAD_MIB << 20
    return {
        "AllReduce": 2 * (n - 1) / n * size, "AllGather": (n - 1) * size, "ReduceScatter": (n - 1) / n * size,
        "SendRecv": (n - 1) / n * size, "Broadcast": size,
    }  # fmt: skip


def nccl_calls(trace: Path, kind: str) -> list[float]:
    """Durations of a collective's kernels in an nsys trace, ns, in order."""
    with contextlib.closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT k.end - k.start FROM CUPTI_ACTIVITY_KIND_KERNEL AS k JOIN StringIds AS s ON s.id = k.demangledName "
            "WHERE s.value LIKE '%nccl%' AND s.value LIKE ? ORDER BY k.start",
            (f"%{kind}%",),
        )
        return [float(row[0]) for row in rows]


def sums(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Launches, tensor FLOPs and bytes read of a report."""
    flops = re.compile(r"sm__ops_path_tensor_src_\w+\.sum$")
    return {
        "launches": len(rows),
        "tensor_flop_count": sum(v for row in rows for k, v in row.items() if flops.match(k) and isinstance(v, float)),
        "dram_read_bytes": sum(float(row.get("dram__bytes_read.sum") or 0) for row in rows),
    }
