"""Makes a saved analysis of many ops of a real one, each copy under a name, kernels and findings of its own."""

import copy
import json
import sys
from pathlib import Path

from roofprof import analyze

DATA = Path(__file__).parent.parent / "tests/data"
SOURCE = DATA / "h100-decode-b64-s4096.ncu-rep"
CAPTURE = DATA / "h100-fp8"
"""Of several cases, with formulas and the application's times."""


def make(ops: int, path: Path, findings_per_op: int | None = None, source: Path = SOURCE) -> Path:
    """Write a report.json.

    Args:
        ops: how many.
        path: the file.
        findings_per_op: None keeps those of the real ops.
        source: what is analysed.
    """
    data = json.loads(analyze(source).to_json())
    kernels = {(kernel["report"], kernel["launch_id"]): kernel for kernel in data["kernels"]}
    step = 1 + max(kernel["launch_id"] for kernel in data["kernels"])
    made_ops, made_kernels = [], []
    for number in range(ops):
        turn, position = divmod(number, len(data["ops"]))
        op = copy.deepcopy(data["ops"][position])
        mine = [kernels[op["report"], launch] for launch in op["kernels"]]
        op["op"] += f"_{turn}" if turn else ""
        op["nvtx_path"] = [*op["nvtx_path"][:-1], f"{op['nvtx_path'][-1]}_{turn}"]
        op["kernels"] = [launch + turn * step for launch in op["kernels"]]
        made_kernels += [{**k, "launch_id": k["launch_id"] + turn * step, "nvtx_path": op["nvtx_path"]} for k in mine]
        # Points that lie on each other would be an easy picture.
        op["duration_ns"] *= 1 + number / ops
        if findings_per_op is not None:
            op["findings"] = [_finding(data, op, i) for i in range(findings_per_op)]
        made_ops.append(op)
    data["ops"], data["kernels"] = made_ops, made_kernels
    data["findings"] = [finding for op in made_ops for finding in op["findings"]]
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def _finding(data: dict[str, list[dict[str, object]]], op: dict[str, list[int]], number: int) -> dict[str, object]:
    real = data["findings"][number % len(data["findings"])]
    return {**real, "op": op["op"], "message": f"{real['message']} ({number})", "launch_id": op["kernels"][0]}


if __name__ == "__main__":
    print(make(int(sys.argv[1]), Path(sys.argv[2])))
