"""Compares roofprof's projection of NVTX ranges with that of nsys, row by row, on any trace.

    python scripts/compare_nsys_stats.py trace.nsys-rep [more traces]

Needs nsys. Exits 1 when a range differs in start, duration, number of GPU operations, level or parent.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
from nvtx_projection import project_ranges

from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.profiler.nsys.command import export_command, find_nsys
from roofprof.timeline.frames import Operations

COLUMNS = {
    "Projected Start": "projected_start_ns",
    "Projected Duration": "projected_duration_ns",
    "Orig Start": "start_ns",
    "NumGPUOps": "launch_count",
    "Lvl": "level",
    "ParentId": "parent_range_id",
}


def stats_rows(nsys: Path, sqlite: Path) -> dict[int, dict[str, int | None]]:
    """What nsys stats prints, by RangeId."""
    command = [str(nsys), "stats", "-q", "-r", "nvtx_gpu_proj_trace", "-f", "csv", "--timeunit", "ns", "-o", "-"]
    done = subprocess.run([*command, str(sqlite)], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    headers = [i for i, line in enumerate(lines) if line.startswith("Name,")]
    if not headers:
        sys.exit(f"nsys stats gave no table (exit {done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")
    found = {}
    for row in csv.DictReader(lines[headers[0] :]):
        # Headings carry their unit: "Projected Start (ns)".
        plain = {(name or "").split(" (")[0]: value for name, value in row.items()}
        if not (plain.get("RangeId") or "").isdigit():
            continue
        found[int(plain["RangeId"])] = {roofprof: _number(plain[nsys]) for nsys, roofprof in COLUMNS.items()}
    return found


def _number(text: str | None) -> int | None:
    return int(text.replace(",", "")) if text and text not in ("None", "NULL") else None


def our_rows(sqlite: Path) -> dict[int, dict[str, int | None]]:
    """roofprof's projection, by RangeId, without graphs that were traced as a whole: nsys projects onto none."""
    trace = read_nsys_trace(sqlite)
    operations = Operations(trace)
    columns = ("launch_global_tid", "launch_start_ns", "launch_end_ns", "correlation_id", "start_ns", "end_ns")
    frame = pl.DataFrame({name: operations[name] for name in columns})
    frame = frame[: operations.height - trace.graph_launches.height]
    rows = project_ranges(trace.ranges, frame).select("range_id", *COLUMNS.values())
    return {row["range_id"]: {c: row[c] for c in COLUMNS.values()} for row in rows.iter_rows(named=True)}


def compare(name: str, nsys: dict[int, dict[str, int | None]], roofprof: dict[int, dict[str, int | None]]) -> int:
    """Print the differences; how many there are."""
    wrong = 0
    for number in sorted(nsys.keys() | roofprof.keys()):
        left, right = nsys.get(number), roofprof.get(number)
        if left == right:
            continue
        wrong += 1
        if wrong <= 20:
            print(f"{name}: range {number}: nsys {left}, roofprof {right}")
    print(f"{name}: {len(nsys)} ranges in nsys stats, {len(roofprof)} in roofprof, {wrong} differ")
    return wrong


def main() -> None:
    """Compare every trace that the command line names."""
    nsys = find_nsys()
    if nsys is None:
        sys.exit("nsys is neither on PATH nor under /opt/nvidia")
    if not sys.argv[1:]:
        sys.exit(__doc__)
    wrong = 0
    for path in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            sqlite = path
            if path.suffix == ".nsys-rep":
                sqlite = Path(folder, "trace.sqlite")
                subprocess.run(export_command(nsys, path, sqlite), check=True, capture_output=True)
            wrong += compare(path.name, stats_rows(nsys, sqlite), our_rows(sqlite))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
