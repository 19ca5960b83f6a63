"""Every way in which nsys can behave, by MODE and PLANT: `export` writes a small trace, `profile` runs no workload but
where the trace is to be of its process, or of another one."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

MODE: str = globals().get("MODE", "ok")
PLANT: bool = bool(globals().get("PLANT"))

args = sys.argv[1:]
if "--version" in args:
    print("NVIDIA Nsight Systems version 2025.3.1.0-253134567890v0")
    sys.exit(0)

out = Path(args[args.index("--output") + 1])
secrets = " ".join([*os.environ.values(), *args, str(Path.cwd())])

TABLES = """
CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);
CREATE TABLE TARGET_INFO_SYSTEM_ENV (name TEXT, value TEXT);
CREATE TABLE TARGET_INFO_GPU (id INTEGER, name TEXT, uuid TEXT, smCount INTEGER, chipName TEXT);
CREATE TABLE NVTX_EVENTS (start INTEGER, end INTEGER, eventType INTEGER, text TEXT, globalTid INTEGER,
    endGlobalTid INTEGER, textId INTEGER, domainId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER, end INTEGER, eventClass INTEGER, globalTid INTEGER,
    correlationId INTEGER, nameId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER,
    correlationId INTEGER, globalPid INTEGER, demangledName INTEGER, shortName INTEGER, gridX INTEGER, gridY INTEGER,
    gridZ INTEGER, blockX INTEGER, blockY INTEGER, blockZ INTEGER, graphNodeId INTEGER);
"""


def export() -> None:
    """Two layers of two batches, each with one kernel in an op, and a warm-up kernel between them."""
    source = Path(args[-1])
    if MODE == "export-fails":
        sys.exit(f"{secrets}: broken")
    pid = 100
    if MODE in ("own-process", "child-process"):
        pid = int(source.with_suffix(".pid").read_text()) + (MODE == "child-process")
    thread = pid << 24 | 101
    database = sqlite3.connect(out)
    database.executescript(TABLES)
    strings = ["roofprof", "decode:case:b1:s4096", "decode:case:b64:s4096", "rope:rope:m1", "rope:rope:m64", "rope"]
    strings += [secrets, f"step {os.environ.get('CANARY_TOKEN', 'one')} of many"]
    database.executemany("INSERT INTO StringIds VALUES (?, ?)", enumerate(strings))
    database.execute("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES ('environ', ?)", (secrets,))
    database.execute("INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PARAM_INPUT_FILE', ?)", (str(source),))
    database.execute("INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H100', 'GPU-canary-uuid', 132, 'GH100')")
    events = [(0, None, 75, "roofprof", None, 1)]
    events += [(s, e, 59, None, n, 1) for s, e, n in [(100, 200, 1), (110, 120, 3), (300, 400, 2), (310, 320, 4)]]
    events += [(500, 600, 59, strings[7], None, 1), (500, 600, 59, None, 7, 1)]
    database.executemany(f"INSERT INTO NVTX_EVENTS VALUES (?, ?, ?, ?, {thread}, {thread}, ?, ?)", events)
    for number, start in enumerate(() if MODE == "empty" else (112, 250, 312)):
        database.execute(
            "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, 0, ?, ?, 5)", (start, start + 4, thread, number)
        )
        database.execute(
            "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?, ?, 0, 7, ?, ?, 5, 5, 1, 1, 1, 128, 1, 1, NULL)",
            (start + 1000, start + 1010, number, pid << 24),
        )
    if MODE in ("region", "graphs"):
        database.execute("INSERT INTO StringIds VALUES (90, 'cudaProfilerStart_v4000'), (91, 'cudaProfilerStop_v4000')")
        for number, (start, name) in enumerate([(300, 90), (400, 91)], 900):
            row = (start, start + 1, thread, number, name)
            database.execute("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, 0, ?, ?, ?)", row)
    if MODE == "graphs":
        database.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET graphNodeId = 7")
    database.commit()
    database.close()


def profile() -> None:
    print(f"Generating '/tmp/nsys-report-1234.qdstrm' {secrets if PLANT else ''}", flush=True)
    if MODE in ("hang", "wait"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (out.parent.parent.parent / "child.pid").write_text(str(child.pid))
        (out.parent.parent.parent / "ready").touch()
        child.wait()
        if MODE == "hang":
            time.sleep(600)
    if MODE in ("own-process", "child-process"):
        started = subprocess.Popen(args[args.index("--output") + 2 :])
        out.with_name(out.name + ".pid").write_text(str(started.pid))
        started.wait()
    if MODE == "importer":
        out.with_name(out.name + ".qdstrm").write_text(secrets)
        sys.exit("Importer error status: cannot open libdw.so.1")
    if MODE == "harness-error":
        sys.exit("error: topk cannot be captured in a CUDA graph\nhint: choose another --impl for it")
    if "--progress" in args:
        last = "op_started" if MODE == "breaks-off" else "done"
        Path(args[args.index("--progress") + 1]).write_text(f'{{"event": "{last}"}}\n')
    if MODE != "nothing":
        out.with_name(out.name + ".nsys-rep").write_text(secrets)
    if MODE == "fails-late":
        sys.exit("ValueError: the answer is wrong")


{"profile": profile, "export": export}[args[0]]()
