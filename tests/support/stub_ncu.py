"""Every way in which ncu can behave, by MODE, SAMPLE and PLANT. It never runs the workload itself."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

MODE: str = globals().get("MODE", "ok")
SAMPLE: str = globals().get("SAMPLE", "")
STUB: str = globals().get("STUB", "")
PLANT: str | None = globals().get("PLANT")
KERNELS: dict[str, dict[str, float]] = globals().get("KERNELS") or {}
"""Functions that the workload launches, and counters that are not 0; in the place of SAMPLE."""

if "--version" in sys.argv:
    print("NVIDIA (R) Nsight Compute Command Line Profiler")
    print("Version 2025.3.1.0 (build 36398880) (public-release)")
    sys.exit(0)

args = sys.argv[1:]
out = Path(args[args.index("-o") + 1])
outside = out.parent.parent.parent


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


def fail(*lines: str, code: int = 1) -> None:
    for line in lines:
        say(line)
    sys.exit(code)


def launch(i: int) -> None:
    say(f'==PROF== Profiling "kernel_{i}" - {i}: 0%....50%....100% - 1 pass')


def kernel_filter() -> str:
    """The expression that names of profiled kernels match."""
    if "--kernel-id" in args:
        return args[args.index("--kernel-id") + 1].split(":")[3]
    return args[args.index("--kernel-name") + 1].removeprefix("regex:") if "--kernel-name" in args else ".*"


def made_up() -> list[tuple[str, dict[str, float]]]:
    """One launch of each of KERNELS that the filter lets through, with the counters that were asked for."""
    wanted = args[args.index("--metrics") + 1].split(",")
    found = kernel_filter()
    chosen = [
        (name, {metric: counted.get(metric, 0.0) for metric in wanted})
        for name, counted in KERNELS.items()
        if re.search(found, name)
    ]
    return chosen[:1] if MODE == "short-sample" and "--kernel-id" in args else chosen


def report(part: float = 1.0) -> None:
    data = Path(SAMPLE).read_bytes()
    if KERNELS:
        sys.path.insert(0, str(Path(STUB).parent))
        from tiny_report import tiny_report

        data = tiny_report(made_up())
    if PLANT:
        sys.path.insert(0, PLANT)
        from plant import planted  # type: ignore[import-not-found]

        data = planted(data, args)
    out.write_bytes(data[: int(len(data) * part)])
    say(f"==PROF== Report: {out}")


def everything() -> str:
    return " ".join([*os.environ.values(), *args, str(Path.cwd())])


def harness() -> None:
    """What the harness would leave beside the report."""
    if "--json-out" not in args:
        return
    if "--phase" not in args:  # the kernels of the self-check
        Path(args[args.index("--json-out") + 1]).write_text(json.dumps({"kernels": ["empty"], "skipped": {}}))
        return
    data = {
        "gpu": {"name": "NVIDIA H100 80GB HBM3", "cuda_version": "13.0", "sm_clock_hz": 1980000000},
        "packages": {"torch": "2.11.0", "sglang-kernel": "0.4.2", "sglang": None},
        "nvtx_domain": "roofprof",
        "cases": [
            {
                "range_name": "decode:case:b64:s4096",
                "phase": args[args.index("--phase") + 1],
                "recipe": "fp8",
                "ops": [
                    {"op": "rope", "implementation": "torch", "not_run": None, "untested": None},
                    {"op": "ep_combine", "implementation": None, "not_run": "it needs several GPUs", "untested": None},
                ],
                "routing": {"experts_hit": 222},
            }
        ],
    }
    if PLANT:
        data |= {"environment": dict(os.environ), "argv": args, "cwd": str(Path.cwd())}
    Path(args[args.index("--json-out") + 1]).write_text(json.dumps(data))
    Path(args[args.index("--progress") + 1]).write_text(
        '{"event": "op_started", "stage": "profile", "op": "rope", "index": 3, "total": 9}\n'
    )


def stick() -> None:
    """Stay in a kernel until the workload is ended, or ncu itself is, or for good."""
    if MODE == "wait":
        signal.signal(signal.SIGINT, lambda *_: (report(), sys.exit(0)))
    if MODE == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (outside / "child.pid").write_text(str(child.pid))
    launch(0)
    say('==PROF== Profiling "stuck_kernel" - 1: 0%....', end="")
    (outside / "ready").touch()
    code = child.wait()
    if MODE == "deaf":
        time.sleep(600)
    say("")
    say(f"==ERROR== The application returned an error code ({-code}).")
    report()
    sys.exit(1)


PERMISSION = "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access the counters"
LOCK = "==ERROR== Failed to open/create lock file /tmp/nvidia/nsight_compute/lock.0."
NOTHING = "==WARNING== No kernels were profiled."
LAUNCH_FAILED = (
    "==ERROR== An error was reported by the driver:",
    "==ERROR== LaunchFailed",
    "==PROF== Trying to shutdown target application",
    "==ERROR== The application returned an error code (9).",
)
TOO_BIG = ("error: batch 128 needs 91.2 GB and the GPU has 79.6 GB", "hint: shrink it with --experts 64")

say(f"==PROF== Connected to process 4242 ({sys.executable})")
if PLANT:
    say(everything())
    say(f"==WARNING== {everything()}")
if MODE == "permission":
    fail(PERMISSION)
if MODE == "lock":
    fail(LOCK)
if MODE == "metric":
    fail("==ERROR== Failed to find metric sm__nonsense.sum")
if MODE == "nothing":
    fail(NOTHING, code=0)
if MODE == "harness-error":
    fail(*TOO_BIG, "==ERROR== The application returned an error code (1).", NOTHING)
if MODE == "no-space":
    launch(0)
    fail("==ERROR== Failed to write report: No space left on device")
if MODE in ("hang", "wait", "deaf"):
    stick()
if MODE == "elsewhere" and "application-only" in args:
    fail(NOTHING, code=0)
if MODE == "no-region" and "--profile-from-start" in args:
    fail(NOTHING, code=0)
if MODE == "refuses-sample" and "--kernel-id" in args:
    value = args[args.index("--kernel-id") + 1]
    fail(f"==ERROR== the argument ('{value}') for option '--kernel-id' is invalid")
if MODE == "no-sample" and "--kernel-id" in args:
    fail(NOTHING, code=0)
if MODE == "graph-node" and args[args.index("--graph-profiling") + 1] == "node":
    for number in range(3):
        launch(number)
    report()
    fail(*LAUNCH_FAILED)
if MODE == "graph-kernel" and args[args.index("--graph-profiling") + 1] == "node":
    names = [name for name, _ in made_up()]
    broken = next((at for at, name in enumerate(names) if name.startswith("norm")), None)
    if broken is not None:
        for number in range(broken + 1):
            launch(number)
        KERNELS = {name: KERNELS[name] for name in names[: broken + 1]}
        report()
        fail(*LAUNCH_FAILED)
if MODE == "other-profiler":
    launch(0)
    report()
    fail("CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED", "==ERROR== The application returned an error code (1).")
harness()
for number in range(len(made_up()) if KERNELS else 9):
    launch(number)
if MODE == "crash":
    report()
    fail(
        "Traceback (most recent call last):",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        "==ERROR== The application returned an error code (1).",
    )
if MODE == "garbage":
    out.write_text(f"no report {everything()}")
    sys.exit(0)
report(0.7 if MODE == "cut" else 1.0)
