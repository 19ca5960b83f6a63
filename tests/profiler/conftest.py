"""Stub tools on PATH, and a report to hand out."""

import importlib.util
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data" / "profiler"

SMI = """#!/bin/sh
echo "0, GPU-11111111-2222, NVIDIA H100 80GB HBM3, {capability}, 580.65.06, 81559, 4, {mig}"
"""

# One stub for every way in which ncu can behave. It never runs the workload unless the mode says so.
NCU = '''#!{python}
import json, os, shutil, signal, subprocess, sys, time
MODE, SAMPLE, PLANT = {mode!r}, {sample!r}, {plant!r}
if "--version" in sys.argv:
    print("NVIDIA (R) Nsight Compute Command Line Profiler\\nVersion 2025.3.1.0 (build 36398880) (public-release)")
    sys.exit(0)
args = sys.argv[1:]
out = args[args.index("-o") + 1]
say = lambda text, end="\\n": print(text, end=end, flush=True)
say(f"==PROF== Connected to process 4242 ({{sys.executable}})")
if PLANT:
    say(" ".join(os.environ.values()))
    say("workload sees " + " ".join(args) + " in " + os.getcwd())
    say("==WARNING== " + " ".join(os.environ.values()) + " ".join(args) + os.getcwd())
def launch(i, passes=1):
    say(f'==PROF== Profiling "kernel_{{i}}" - {{i}}: 0%....50%....100% - {{passes}} pass' + ("" if passes == 1 else "es"))
def report(part=1.0):
    data = open(SAMPLE, "rb").read()
    if PLANT:
        sys.path.insert(0, PLANT)
        from plant import planted
        data = planted(data, args)
    open(out, "wb").write(data[: int(len(data) * part)])
    say("==PROF== Report: " + out)
def harness():
    if "--json-out" not in args:
        return
    phase = args[args.index("--phase") + 1]
    data = {{"versions": {{"torch": "2.11.0", "cuda": "13.0", "packages": {{"sglang-kernel": "0.4.2"}}}}, "recipe": "fp8",
             "cases": [{{"phase": phase, "batch": 64, "experts_hit": 222}}], "implementations": {{"rope": "torch"}}}}
    if PLANT:
        data["environment"] = dict(os.environ)
        data["argv"] = args
        data["cwd"] = os.getcwd()
    json.dump(data, open(args[args.index("--json-out") + 1], "w"))
    open(args[args.index("--progress") + 1], "w").write('{{"op": "rope", "done": 3, "total": 9}}\\n')
if MODE == "permission":
    say("==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance Counters")
    sys.exit(1)
if MODE == "lock":
    say("==ERROR== Failed to open/create lock file /tmp/nvidia/nsight_compute/lock.0. Please check the permissions.")
    sys.exit(1)
if MODE == "metric":
    say("==ERROR== Failed to find metric sm__nonsense.sum")
    sys.exit(1)
if MODE == "nothing":
    say("==WARNING== No kernels were profiled.")
    sys.exit(0)
if MODE == "harness-error":
    say("error: batch 128 needs 91.2 GB and the GPU has 79.6 GB")
    say("hint: shrink it with --experts 64")
    say("==ERROR== The application returned an error code (1).")
    say("==WARNING== No kernels were profiled.")
    sys.exit(1)
if MODE == "no-space":
    launch(0)
    say("==ERROR== Failed to write report: No space left on device")
    sys.exit(1)
if MODE in ("hang", "wait", "deaf"):
    if MODE == "wait":
        signal.signal(signal.SIGINT, lambda *_: (report(), sys.exit(0)))
    if MODE == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open(os.path.join(os.path.dirname(out), "..", "..", "child.pid"), "w").write(str(child.pid))
    launch(0)
    if MODE == "wait":
        open(os.path.join(os.path.dirname(out), "..", "..", "ready"), "w").close()
    say('==PROF== Profiling "stuck_kernel" - 1: 0%....', end="")
    code = child.wait()
    if MODE == "deaf":
        time.sleep(600)
    say("")
    say(f"==ERROR== The application returned an error code ({{-code}}).")
    report()
    sys.exit(1)
harness()
for i in range(9):
    launch(i)
if MODE == "crash":
    say("Traceback (most recent call last):")
    say("RuntimeError: CUDA error: an illegal memory access was encountered")
    say("==ERROR== The application returned an error code (1).")
    report()
    sys.exit(1)
if MODE == "cut":
    report(0.7)
    sys.exit(0)
if MODE == "garbage":
    open(out, "w").write("not a report " + " ".join(os.environ.values()))
    sys.exit(0)
report()
'''


@pytest.fixture
def sample() -> Path:
    return DATA / "nine-launches.ncu-rep"


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH, with an nvidia-smi that shows an H100."""
    folder = tmp_path / "tools"
    folder.mkdir()
    _script(folder / "nvidia-smi", SMI.format(capability="9.0", mig="Disabled"))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("roofprof.profiler.tools.INSTALL_FOLDERS", {"ncu": (), "nsys": ()})
    status = tmp_path / "status"
    status.write_text("CapEff:\t000001ffffffffff\n")
    monkeypatch.setattr("roofprof.profiler.gpu.PROCESS_STATUS", status)
    return folder


@pytest.fixture
def gpu_is(tools: Path) -> Callable[..., None]:
    """Let nvidia-smi show another GPU."""

    def change(capability: str = "9.0", mig: str = "Disabled") -> None:
        _script(tools / "nvidia-smi", SMI.format(capability=capability, mig=mig))

    return change


@pytest.fixture
def ncu(tools: Path, sample: Path) -> Callable[..., Path]:
    """Install a stub ncu that behaves as told."""

    def install(mode: str = "ok", plant: Path | None = None) -> Path:
        text = NCU.format(
            python=sys.executable, mode=mode, sample=str(sample), plant=str(plant.parent) if plant else None
        )
        _script(tools / "ncu", text)
        return tools / "ncu"

    return install


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs; a zombie does not."""

    def check(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return check


@pytest.fixture
def all_bytes() -> Callable[[Path], bytes]:
    """Names and contents of everything below a folder."""

    def read(folder: Path) -> bytes:
        files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        return b"".join(os.fsencode(str(p.relative_to(folder))) + b"\0" + p.read_bytes() for p in files)

    return read


@pytest.fixture
def plant_in() -> Callable[[bytes, list[str]], bytes]:
    """Adds a block of session data to a report's bytes."""
    spec = importlib.util.spec_from_file_location("plant", Path(__file__).parent / "plant.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.planted  # type: ignore[no-any-return]
