"""What the stub ncu and nsys do, by FUZZ_MODE; run by the scripts that stubs.py writes.

ncu copies a recorded report: that of the H100 capture where its output has the name, else the smallest.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

MODE = os.environ.get("FUZZ_MODE", "ok")
WORDS = os.environ.get("FUZZ_WORDS", "")
args = sys.argv[1:]


def say(text: str) -> None:
    print(text, flush=True)


def recorded(name: str) -> Path:
    data = Path(os.environ["FUZZ_DATA"])
    for folder in ("ncu", "nsys"):
        if (found := data / "h100-fp8" / folder / name).exists():
            return found
    return data / "profiler" / "nine-launches.ncu-rep"


def flood() -> None:
    size, out = int(os.environ.get("FUZZ_BYTES", "0")), sys.stdout.buffer
    piece = {
        "one line": b"lock file and more of it " * 4000,
        "one line of one letter": b"x" * 100_000,
        "short lines": b"step 1 of many, loss 0.5\n" * 4000,
        "empty lines": b"\n" * 100_000,
        "random bytes": random.Random(1).randbytes(100_000),
        "progress bars": b"\r 10%|#         | 1/10 [00:01<00:09]" * 2500,
    }[WORDS]
    for _ in range(size // len(piece)):
        out.write(piece)
    out.write(b"\n")
    out.flush()


def workload(after: str) -> None:
    command = args[args.index(after) + 2 :]
    code = subprocess.run(command).returncode
    if code:
        say(f"==ERROR== The application returned an error code ({code}).")


def ncu() -> None:
    out = Path(args[args.index("-o") + 1])
    say("==PROF== Connected to process 4242 (python)")
    if MODE == "run":
        workload("-o")
    if MODE == "flood":
        flood()
    if MODE == "words":
        say(WORDS)
    if MODE == "fill":
        try:
            with out.open("wb") as file:
                while True:
                    file.write(bytes(1 << 20))
        except OSError:
            say("==ERROR== Failed to write report: No space left on device")
            sys.exit(1)
    for number in range(9):
        say(f'==PROF== Profiling "kernel_{number}" - {number}: 0%....50%....100% - 1 pass')
        if MODE == "slow":
            time.sleep(0.12)
    if "--json-out" in args:
        record = Path(os.environ["FUZZ_DATA"]) / "h100-fp8" / "harness" / f"{out.stem}.json"
        text = record.read_text() if record.exists() else json.dumps({"kernels": ["empty"], "skipped": {}})
        Path(args[args.index("--json-out") + 1]).write_text(text)
    out.write_bytes(recorded(out.name).read_bytes())
    say(f"==PROF== Report: {out}")


def nsys() -> None:
    out = Path(args[args.index("--output") + 1])
    if args[0] == "export":
        source = recorded(Path(args[-1]).with_suffix(".sqlite").name)
        out.write_bytes(source.read_bytes())
        return
    if "--progress" in args:
        Path(args[args.index("--progress") + 1]).write_text('{"event": "done"}\n')
    out.with_name(out.name + ".nsys-rep").write_text("a report of nsys")


if "--version" in args:
    tool = Path(sys.argv[0]).name
    say("Version 2025.3.1.0 (build 36398880)" if tool == "ncu" else "NVIDIA Nsight Systems version 2025.3.1.0-2531v0")
else:
    {"ncu": ncu, "nsys": nsys}[Path(sys.argv[0]).name]()
