"""How many replay passes sets of counters take on this GPU, beside those of chips/*.toml: ncu on one small kernel.

python passes.py [SET...]    (each set: metrics between commas, in addition to core, bf16 and fp8)
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from roofprof.profiler.ncu.look import read_launches
from roofprof.profiler.ncu.plan import table_of_capability
from roofprof.profiler.run.gpu import need_gpu
from roofprof.profiler.run.tools import find_ncu

KERNEL = "import torch; a = torch.randn(256, 256, device='cuda', dtype=torch.bfloat16); (a @ a).sum().item()"
CLASSES = (
    "bit", "control", "conversion", "fp8", "fp16", "fp32", "fp64", "integer", "inter_thread_communication", "memory",
    "misc", "uniform",
)  # fmt: skip
"""Of SASS instructions, counted as those of the CUDA cores are. Where matrix instructions are of one of them that other
kernels hardly use, or of none, so that the sum is not the total, the run cuda_core tells for the price of some more
counters which kernels executed any, and `tensor_ops` can go."""
TOTAL = "sm__sass_thread_inst_executed_pred_on.sum"
# With core, bf16 and fp8 every counter of the tensor pipe's instructions or cycles that was tried takes 3 passes.


def passes(ncu: str, metrics: list[str], every: bool = False) -> str:
    """Of the first launch, or of each, and then what each counted."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "r.ncu-rep"
        command = [
            ncu, "--clock-control", "none", "--import-sass", "0", "--import-source", "0", "-f", "-o", str(report),
            *([] if every else ["-c", "1"]), "--metrics", ",".join(metrics), sys.executable, "-c", KERNEL,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
        for launch in read_launches(report, metrics) if every and report.exists() else ():
            print(f"   {launch.function[:60]}")
            print("".join(f"      {name} {count:.0f}\n" for name, count in launch.counters.items() if count), end="")
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
    for extra in sys.argv[1:]:
        print(f"{passes(tool.path, [*known, *extra.split(',')])}  + {extra}", flush=True)
    classes = [f"sm__sass_thread_inst_executed_op_{name}_pred_on.sum" for name in CLASSES]
    metrics = [*chip.groups["cuda_core"], *classes, TOTAL]
    print(f"{passes(tool.path, metrics, every=True)}  cuda_core, {', '.join(CLASSES)}, total", flush=True)
    looks = [m for group in ("time", "tensor_ops") for m in chip.groups[group]]
    print(f"{passes(tool.path, looks)}  time, tensor_ops", flush=True)
    left = [p for p in chip.precisions if p not in chip.workload_precisions]
    metrics = [m for group in ("time", *(f"tensor_{p}" for p in left)) for m in chip.groups[group]]
    print(f"{passes(tool.path, metrics)}  time, {', '.join(left)}", flush=True)


if __name__ == "__main__":
    main()
