"""What `roofprof doctor --ranks` looks at: GPUs, links, NCCL, launchers, and the folder that ranks share."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roofprof.own_python import module_command, module_environment
from roofprof.profiler.run.check import Check
from roofprof.profiler.run.gpu import Gpu, gpus

_TIMEOUT_S = 120
_LINK = re.compile(r"Link \d+: (?:[\d.]+ GB/s|<?active)", re.IGNORECASE)


def rank_checks(ranks: int, directory: Path, torch: bool = True) -> list[Check]:
    """Every check, in the order in which a missing thing stops a capture over several GPUs.

    Args:
        ranks: how many GPUs a capture would take.
        directory: where it would be written.
        torch: ask torch too, which takes some seconds.
    """
    found = gpus()
    checks = [_count(found, ranks), _slices(found), _nvlink(len(found))]
    if torch:
        checks += _torch(_probe(), ranks)
    return [*checks, _nvls(), _launcher(), _folder(directory)]


def _count(found: list[Gpu], ranks: int) -> Check:
    kinds = sorted({g.name for g in found})
    detail = f"{len(found)}" + (f" of {', '.join(kinds)}" if kinds else "")
    if len(found) < ranks:
        remedy = "--tp and --ep without --ranks run one rank's share on one GPU"
        return Check("GPUs", "fail", f"{detail}, and {ranks} are needed", remedy)
    if len(kinds) > 1:
        return Check("GPUs", "warn", f"{detail}: not alike", "choose GPUs of one kind with CUDA_VISIBLE_DEVICES")
    return Check("GPUs", "ok", detail)


def _slices(found: list[Gpu]) -> Check:
    if any(g.mig for g in found):
        return Check("MIG, all GPUs", "fail", "on: a slice reaches no other GPU", "turn it off: nvidia-smi -mig 0")
    return Check("MIG, all GPUs", "ok", "off")


def _nvlink(count: int) -> Check:
    said = _said(["nvidia-smi", "nvlink", "--status"])
    links = [len(_LINK.findall(part)) for part in re.split(r"^GPU \d+", said, flags=re.MULTILINE)[1:]]
    if not links or not any(links):
        return Check("NVLink", "warn", "none active: GPUs reach each other over PCIe", "see nvidia-smi nvlink --status")
    if min(links) != max(links) or len(links) < count:
        return Check("NVLink", "warn", f"active links by GPU: {', '.join(map(str, links))}", "see nvidia-smi topo -m")
    return Check("NVLink", "ok", f"{links[0]} active links a GPU")


def _torch(told: Mapping[str, Any], ranks: int) -> list[Check]:
    if told.get("missing"):
        return [Check("NCCL", "fail", str(told["missing"]), "install torch for these GPUs")]
    seen, pairs = told.get("count", 0), told.get("unreachable") or []
    checks = []
    if seen < ranks:
        remedy = "see CUDA_VISIBLE_DEVICES"
        checks.append(Check("GPUs, torch", "fail", f"torch sees {seen}, and {ranks} are needed", remedy))
    shown = ", ".join(f"{a} to {b}" for a, b in pairs[:4])
    checks.append(
        Check(
            "peer access",
            "warn",
            f"not from GPU {shown}",
            "NCCL goes through the host there; nvidia-smi topo -p2p n",
        )
        if pairs
        else Check("peer access", "ok", "every GPU reaches every other" if seen > 1 else "one GPU: nothing to reach")
    )
    nccl = told.get("nccl")
    if not nccl:
        return [*checks, Check("NCCL", "fail", "torch was built without it", "install a CUDA build of torch")]
    return [*checks, Check("NCCL", "ok", str(nccl))]


def _probe() -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            module_command("roofprof.harness.parallel.probe"), capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL, env=module_environment(),
        )  # fmt: skip
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"missing": f"torch did not answer: {type(error).__name__}"}
    return found if isinstance(found, dict) else {"missing": "torch did not answer"}


def _nvls() -> Check:
    if os.environ.get("NCCL_NVLS_ENABLE") == "0":
        return Check("NVLS", "ok", "off (NCCL_NVLS_ENABLE=0): link bytes are the ring's or tree's")
    remedy = "to compare with a ring: NCCL_NVLS_ENABLE=0; to measure what you serve with: leave it"
    return Check("NVLS", "warn", "not off: sums may be made in the NVLink switch, with other link bytes", remedy)


def _launcher() -> Check:
    there = [name for name in ("srun", "mpirun") if shutil.which(name)]
    if importlib.util.find_spec("torch") is not None:
        there.insert(0, "torchrun")
    if not there:
        return Check("launcher", "fail", "none of torchrun, srun and mpirun", "install torch, which brings torchrun")
    return Check("launcher", "ok", ", ".join(there))


def _folder(directory: Path) -> Check:
    parent = next(p for p in (directory, *directory.absolute().parents) if p.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=parent, prefix=".roofprof-"):
            pass
    except OSError as error:
        return Check("shared folder", "fail", f"cannot be written: {error.strerror}", "give another one with -o")
    return Check("shared folder", "ok", "writable here; other machines must see the same one")


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
