"""How long roofprof takes from an nsys export to the timeline, on a generated trace of any size.

    python benchmarks/nsys_projection.py --kernels 5000000 --ranges 1000000

The trace has one process and thread, ranges of layers around ranges of ops, and kernels on two streams. Prints
seconds and the peak of resident memory; asserts nothing. `nsys stats` and nsys-ai run on the same file where
they are at hand (--beside).
"""

import argparse
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROCESS = 4242 << 24
THREAD = PROCESS | 4243
NAMES = 60
OPS_PER_LAYER = 24

TABLES = """
CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE META_DATA_EXPORT (name TEXT NOT NULL, value TEXT);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (
    start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL, contextId INTEGER NOT NULL,
    greenContextId INTEGER, streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER,
    demangledName INTEGER NOT NULL, shortName INTEGER NOT NULL, mangledName INTEGER,
    registersPerThread INTEGER NOT NULL,
    gridX INTEGER NOT NULL, gridY INTEGER NOT NULL, gridZ INTEGER NOT NULL,
    blockX INTEGER NOT NULL, blockY INTEGER NOT NULL, blockZ INTEGER NOT NULL,
    staticSharedMemory INTEGER NOT NULL, dynamicSharedMemory INTEGER NOT NULL, graphNodeId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (
    start INTEGER NOT NULL, end INTEGER NOT NULL, eventClass INTEGER NOT NULL, globalTid INTEGER,
    correlationId INTEGER, nameId INTEGER NOT NULL, returnValue INTEGER NOT NULL, callchainId INTEGER);
CREATE TABLE NVTX_EVENTS (
    start INTEGER NOT NULL, end INTEGER, eventType INTEGER NOT NULL, rangeId INTEGER, category INTEGER,
    color INTEGER, text TEXT, globalTid INTEGER, endGlobalTid INTEGER, textId INTEGER, domainId INTEGER);
"""


def generate(path: Path, kernels: int, ranges: int, full: bool = False) -> None:
    """Write a trace: every layer range holds OPS_PER_LAYER op ranges, every op range its share of kernels."""
    database = sqlite3.connect(path)
    database.executescript("PRAGMA journal_mode = off; PRAGMA synchronous = off;" + TABLES)
    names = [(i, f"void generated::kernel_{i}<float, {i}>(float *, int)") for i in range(NAMES)]
    names += [(NAMES + i, f"kernel_{i}") for i in range(NAMES)] + [(2 * NAMES, "cudaLaunchKernel_v7000")]
    database.executemany("INSERT INTO StringIds VALUES (?, ?)", names)
    ops = max(1, ranges * OPS_PER_LAYER // (OPS_PER_LAYER + 1))
    step = 4000
    database.executemany(
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL "
        "VALUES (?, ?, 0, 1, 0, ?, ?, ?, ?, ?, ?, 32, ?, 1, 1, 256, 1, 1, 0, 0, ?)",
        (
            (i * step + 9000, i * step + 12500, 7 + (i & 1), i + 1, PROCESS, i % NAMES, NAMES + i % NAMES,
             None, 132 + i % NAMES, None)
            for i in range(kernels)
        ),
    )  # fmt: skip
    database.executemany(
        "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, 0, ?, ?, ?, 0, NULL)",
        ((i * step + 1000, i * step + 3500, THREAD, i + 1, 2 * NAMES) for i in range(kernels)),
    )
    if full:
        _add_copies_and_driver_calls(database, kernels, step)
    database.executemany(
        "INSERT INTO NVTX_EVENTS VALUES (?, ?, 59, NULL, NULL, NULL, ?, ?, NULL, NULL, 0)",
        _ranges(kernels, ops, step),
    )
    database.commit()
    database.close()


def _add_copies_and_driver_calls(database: sqlite3.Connection, kernels: int, step: int) -> None:
    """A driver call within every runtime call, and a memory copy for every tenth kernel."""
    database.execute(
        "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME "
        "SELECT start + 500, end - 200, 1, globalTid, correlationId, nameId, 0, NULL FROM CUPTI_ACTIVITY_KIND_RUNTIME"
    )
    database.execute(
        "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, "
        "correlationId INTEGER, globalPid INTEGER, bytes INTEGER, copyKind INTEGER, graphNodeId INTEGER)"
    )
    calls = ((i * step + 3600, i * step + 3900, THREAD, kernels + i + 1, 2 * NAMES) for i in range(0, kernels, 10))
    database.executemany("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, 0, ?, ?, ?, 0, NULL)", calls)
    copies = ((i * step + 12600, i * step + 12900, kernels + i + 1, PROCESS) for i in range(0, kernels, 10))
    database.executemany("INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (?, ?, 0, 7, ?, ?, 4096, 8, NULL)", copies)


def _ranges(kernels: int, ops: int, step: int) -> Iterator[tuple[int, int, str, int]]:
    """Layers and their ops, in the order of start."""
    for op in range(ops):
        first, last = op * kernels // ops * step, (op + 1) * kernels // ops * step
        if op % OPS_PER_LAYER == 0:
            end = min(op + OPS_PER_LAYER, ops) * kernels // ops * step
            yield first + 100, end, "layer", THREAD
        yield first + 200, max(last - 100, first + 300), f"op_{op % OPS_PER_LAYER}", THREAD


READ = """
import json, resource, sys, time
from pathlib import Path
begin = time.perf_counter()
from roofprof.parsers.nsys.trace import open_nsys_trace
from roofprof.pipeline.timeline import MAX_WHOLE
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.streamed.timeline import stream_timeline
from roofprof.timeline.timeline import build_timeline
imported = time.perf_counter()
with open_nsys_trace(Path(sys.argv[1]), None, -1 if "in-parts" in sys.argv else MAX_WHOLE) as trace:
    read = time.perf_counter()
    timeline = build_timeline(trace) if isinstance(trace, NsysTrace) else stream_timeline(trace)[0]
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"import_s": imported - begin, "read_s": read - imported, "timeline_s": done - read,
    "total_s": done - begin, "cpu_s": time.process_time(), "peak_bytes": peak, "ops": len(timeline.ops),
    "calls": timeline.calls.height}))
"""


def beside(path: Path) -> dict[str, float]:
    """Seconds that other tools take on the same file, those that are installed."""
    commands = {
        "nsys stats": ["nsys", "stats", "-r", "nvtx_gpu_proj_trace", "-f", "csv",
                       "-o", str(path.with_suffix("")), "--force-overwrite", "true", str(path)],
        "nsys-ai": ["nsys-ai", "summary", str(path)],
    }  # fmt: skip
    found = {}
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            continue
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        found[f"{name} (exit {done.returncode})"] = time.perf_counter() - begin
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kernels", type=int, default=5_000_000)
    parser.add_argument("--ranges", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to keep the trace; a temporary folder without it")
    parser.add_argument("--beside", action="store_true", help="also time nsys stats and nsys-ai")
    parser.add_argument("--full", action="store_true", help="also a driver call per kernel, and memory copies")
    parser.add_argument("--in-parts", action="store_true", help="read the trace in parts, however small it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (
            options.folder or Path(temporary)
        ) / f"generated-{options.kernels}-{options.ranges}{'-full' if options.full else ''}.sqlite"
        if not path.exists():
            begin = time.perf_counter()
            generate(path, options.kernels, options.ranges, options.full)
            print(f"generated {path.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - begin:.1f} s")
        command = [sys.executable, "-c", READ, str(path), *["in-parts"] * options.in_parts]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        figures = json.loads(done.stdout)
        for name, value in figures.items():
            print(f"{name:12} {value / 1e9:.2f} GB" if name == "peak_bytes" else f"{name:12} {value:.4g}")
        for name, seconds in beside(path).items() if options.beside else ():
            print(f"{name:24} {seconds:.1f} s")
    print(f"this process peaked at {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
