"""How many replay passes sets of counters take on this GPU, beside those of chips/*.toml: ncu on one small kernel.

python passes.py [SET...]    (each set: metrics between commas, in addition to core, bf16 and fp8)
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from roofprof.profiler.ncu.plan import table_of_capability
from roofprof.profiler.run.gpu import need_gpu
from roofprof.profiler.run.tools import find_ncu

KERNEL = "import torch; a = torch.randn(256, 256, device='cuda', dtype=torch.bfloat16); (a @ a).sum().item()"
WITNESSES = (
    "smsp__inst_executed_pipe_tensor.sum",
    "smsp__inst_executed_pipe_tensor_op_gmma.sum,smsp__inst_executed_pipe_tensor_op_hmma.sum",
    "smsp__average_inst_executed_pipe_tensor_op_hmma_per_warp.ratio",
    "sm__inst_executed_pipe_tensor_op_hmma.sum",
    "sm__inst_executed_pipe_tensor_op_gmma.sum",
    "sm__pipe_tensor_cycles_active.avg",
    "smsp__pipe_tensor_cycles_active.avg",
    "sm__pipe_tensor_type_hmma_hgmma_qgmma_imma_igmma_bmma_bgmma_cycles_active.avg",
    "smsp__pipe_tensor_type_hmma_hgmma_qgmma_imma_igmma_bmma_bgmma_cycles_active.avg",
)
"""Of tensor work in any precision: one that shares a pass with core, bf16 and fp8 would save the run `tensor_ops`."""


def passes(ncu: str, metrics: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            ncu, "--clock-control", "none", "--import-sass", "0", "--import-source", "0", "-c", "1", "-f", "-o",
            str(Path(folder) / "r"), "--metrics", ",".join(metrics), sys.executable, "-c", KERNEL,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    found = re.search(r"100% - (\d+) pass", done.stdout)
    errors = [line for line in done.stdout.splitlines() if line.startswith("==ERROR==")]
    return found[1] if found else f"failed: {errors[:1]}"


def main() -> None:
    chip, tool = table_of_capability(need_gpu().compute_capability), find_ncu()
    if tool is None:
        sys.exit("ncu was not found")
    known = [
        m for group in ("time", "core", "occupancy", "l2", "tensor_bf16", "tensor_fp8") for m in chip.groups[group]
    ]
    print(f"{passes(tool.path, known)}  core, bf16, fp8", flush=True)
    for extra in sys.argv[1:] or WITNESSES:
        print(f"{passes(tool.path, [*known, *extra.split(',')])}  + {extra}", flush=True)
    looks = [m for group in ("time", "tensor_ops") for m in chip.groups[group]]
    print(f"{passes(tool.path, looks)}  time, tensor_ops", flush=True)
    print(f"{passes(tool.path, [*looks, 'sm__pipe_tensor_cycles_active.avg'])}  time, tensor_ops, cycles", flush=True)
    for left in (("fp16", "tf32"), ("fp16", "tf32", "int8"), ("tf32", "fp64")):
        metrics = [m for group in ("time", *(f"tensor_{p}" for p in left)) for m in chip.groups[group]]
        print(f"{passes(tool.path, metrics)}  time, {', '.join(left)}", flush=True)


if __name__ == "__main__":
    main()
