"""Looks at a machine before a capture: what is there, what is missing, and what to do about it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.files import Json
from roofprof.own_python import module_command, module_environment
from roofprof.profiler.ncu.plan import table_of_capability
from roofprof.profiler.nsys.command import nsys_tool
from roofprof.profiler.ranks.checks import rank_checks
from roofprof.profiler.run.check import Check
from roofprof.profiler.run.gpu import PERMISSION_HINT, counters_permitted, gpus
from roofprof.profiler.run.processes import process_names
from roofprof.profiler.run.tools import find_ncu

_PACKAGES = ("torch", "triton", "sglang-kernel", "sgl-kernel", "flashinfer-python", "nvtx")
_DCGM = ("nv-hostengine", "dcgm-exporter")
_AMPLE_FREE_BYTES = 1 << 30
_HARNESS_TIMEOUT_S = 180
_MIN_NCU = (2023, 3)


def doctor(directory: Path | None = None, harness: bool = True, ranks: int | None = None) -> list[Check]:
    """Every check, in the order in which a missing thing stops a capture.

    Args:
        directory: where a capture would be written.
        harness: ask the harness for its ops too, which imports torch and takes some seconds.
        ranks: GPUs that a capture would take; where there are several, or this is given, they are looked at together.
    """
    checks = [_gpu(), _plan(), _ncu(), _nsys(), _counters(), _mig(), _mps(), _other_profilers()]
    if harness:
        checks += [_packages(), *_ops()]
    if ranks or len(gpus()) > 1:
        checks += rank_checks(ranks or len(gpus()), directory or Path.cwd(), torch=harness or ranks is not None)
    return [*checks, _disk(directory or Path.cwd())]


def exit_status(checks: list[Check]) -> int:
    """1 when capture cannot work."""
    return int(any(check.status == "fail" for check in checks))


def _gpu() -> Check:
    found = gpus()
    if not found:
        return Check("GPU", "fail", "no NVIDIA GPU or no driver", "run on a machine with a GPU and its driver")
    g = found[0]
    memory = f", {g.memory_bytes / 1e9:.0f} GB" if g.memory_bytes else ""
    detail = f"{g.name}, compute capability {g.compute_capability}{memory}, driver {g.driver}"
    if g.memory_bytes and g.memory_used_bytes and g.memory_used_bytes > 0.1 * g.memory_bytes:
        used = f"{g.memory_used_bytes / 1e9:.0f} GB of it in use"
        return Check("GPU", "warn", f"{detail}; {used}", "stop other work on it: it disturbs the counters")
    return Check("GPU", "ok", detail)


def _plan() -> Check:
    found = gpus()
    if not found:
        return Check("plan", "warn", "unknown without a GPU")
    try:
        table = table_of_capability(found[0].compute_capability, found[0].name)
    except RoofprofError as error:
        return Check("plan", "fail", error.message, error.hint)
    if table.tested is None:
        return Check(
            "plan",
            "warn",
            f"{table.name}: untested",
            "compare the passes in the manifest with what it expects",
        )
    return Check("plan", "ok", f"{table.name}: measured on {table.tested}")


def _ncu() -> Check:
    tool = find_ncu()
    if tool is None:
        return Check("ncu", "fail", "not found", "install Nsight Compute, or put ncu on PATH")
    if tool.version is None:
        return Check("ncu", "fail", "found, but does not say its version", "run ncu --version; reinstall it")
    if tool.release < _MIN_NCU:
        return Check(
            "ncu",
            "warn",
            f"{tool.version}, older than {'.'.join(map(str, _MIN_NCU))}",
            "install a newer Nsight Compute",
        )
    return Check("ncu", "ok", tool.version)


def _nsys() -> Check:
    tool = nsys_tool()
    if tool is None:
        return Check("nsys", "warn", "not found: no timeline", "install Nsight Systems, or put nsys on PATH")
    if tool.version is None:
        return Check("nsys", "warn", "found, but does not run", "run nsys --version; a library may be missing")
    return Check("nsys", "ok", tool.version)


def _counters() -> Check:
    permitted = counters_permitted()
    if permitted is None:
        return Check("counters", "warn", "the driver does not say whether this user may read them", PERMISSION_HINT)
    if not permitted:
        return Check("counters", "fail", "not permitted to this user (ERR_NVGPUCTRPERM)", PERMISSION_HINT)
    return Check("counters", "ok", "permitted")


def _mig() -> Check:
    if any(g.mig for g in gpus()):
        remedy = "L2 and DRAM counters need a whole GPU: nvidia-smi -mig 0"
        return Check("MIG", "warn", "on: a shared slice has no L2 and DRAM counters", remedy)
    return Check("MIG", "ok", "off")


def _mps() -> Check:
    if any(name.startswith("nvidia-cuda-mps") for name in process_names()):
        return Check("MPS", "warn", "its control daemon runs", "end it: echo quit | nvidia-cuda-mps-control")
    return Check("MPS", "ok", "off")


def _other_profilers() -> Check:
    running = sorted({n for n in process_names() if n.startswith(_DCGM)})
    if running:
        remedy = "pause it while capturing: dcgmi profile --pause, later --resume"
        return Check("other profilers", "warn", f"{', '.join(running)} may hold the counters", remedy)
    folder = Path(os.environ.get("TMPDIR", tempfile.gettempdir())) / "nvidia" / "nsight_compute"
    locks = [p for p in folder.glob("lock.*") if p.exists()]
    if any(n == "ncu" for n in process_names()):
        return Check("other profilers", "warn", "an ncu is running", "wait for it: only one at a time can use a GPU")
    if any(not os.access(p, os.W_OK) for p in locks):
        return Check("other profilers", "fail", "another user's ncu lock file", "set TMPDIR to a directory of your own")
    return Check("other profilers", "ok", "none")


def _packages() -> Check:
    """Versions by package metadata, which imports nothing."""
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    remedy = "install the kernel packages: pip install '.[gpu]' in a checkout (docs/capture.md)"
    if "torch" not in found:
        return Check("packages", "fail", "no torch: other workloads can be captured, the layer cannot", remedy)
    shown = ", ".join(f"{name} {version}" for name, version in found.items())
    if not any("kernel" in name or "flashinfer" in name for name in found):
        return Check("packages", "warn", f"{shown}, and no kernel package", remedy)
    return Check("packages", "ok", shown)


def _ops() -> list[Check]:
    """Which ops the kernel packages give on this GPU, as the harness lists them for each phase."""
    command = module_command("roofprof.harness.run", "--list", "--phase", "all")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_HARNESS_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=module_environment(),
        )
        listed = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [Check("ops", "warn", f"the harness did not answer: {type(error).__name__}")]
    if not isinstance(listed, dict):
        return [_harness_failed(done.stderr)]
    if listed.get("missing"):
        return [
            Check("ops", "fail", f"{listed['missing']}: the layer cannot be captured", "install torch for this GPU")
        ]
    return [_ops_of(case) for case in listed.get("cases", ()) if isinstance(case, dict)]


def _harness_failed(stderr: str) -> Check:
    told = [line.strip() for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    reason = next((line.removeprefix("error: ") for line in told if line.startswith("error: ")), told[-1])
    reason = re.sub(r"^\S*/\S+: ", "", reason)  # without the interpreter's path
    remedy = next((line.removeprefix("hint: ") for line in told if line.startswith("hint: ")), None)
    return Check("ops", "fail", f"the layer cannot be captured: {reason}", remedy)


def _ops_of(case: Mapping[str, Json]) -> Check:
    """What runs of one case. An op that another one does, or that needs several GPUs, counts as there."""
    told = case.get("ops")
    ops = [op for op in told if isinstance(op, dict)] if isinstance(told, list) else []
    missing = [str(op.get("op")) for op in ops if not op.get("possible") and op.get("refused")]
    detail = f"{len(ops) - len(missing)} of {len(ops)}, recipe {case.get('recipe')}"
    name = f"ops, {case.get('phase')}"
    if missing:
        remedy = "roofprof capture refuses them: choose another --recipe, or leave them out with --only"
        return Check(name, "warn", f"{detail}; not {', '.join(missing)}", remedy)
    return Check(name, "ok", detail)


def _disk(directory: Path) -> Check:
    parent = next(p for p in (directory, *directory.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(parent).free
    if free < 256 << 20:
        return Check("disk", "fail", f"{free / 1e6:.0f} MB free", "free some space")
    return Check("disk", "warn" if free < _AMPLE_FREE_BYTES else "ok", f"{free / 1e9:.1f} GB free")
