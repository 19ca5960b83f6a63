"""Collectives of known payload in NVTX ranges: `torchrun ... -m roofprof.harness.parallel.collectives`.

Each step runs five of them once; in one step a rank is late. What each rank must send is in the ranges' names.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from roofprof.errors import RoofprofError
from roofprof.formatting import print_error
from roofprof.formulas.range_names import format_range_name
from roofprof.harness.inputs.machine import synchronise
from roofprof.harness.inputs.ranges import open_ranges
from roofprof.harness.inputs.team import Team, open_team
from roofprof.harness.inputs.tensors import Output, Tensor

WIDTH = 8192
"""Elements of a row; payloads are whole rows."""
Run = Callable[[], object]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m roofprof.harness.parallel.collectives", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--mib", type=int, default=64, help="payload of a rank, MiB")
    parser.add_argument("--steps", type=int, default=3, help="times that each is run")
    parser.add_argument("--late-rank", type=int, default=1, help="rank that is late in the second step's all-reduce")
    parser.add_argument("--late-ms", type=float, default=0.0, help="by how much")
    args = parser.parse_args(argv)
    try:
        with open_team(int(os.environ.get("WORLD_SIZE", "0") or 0), 1, args.device) as team:
            if team is None:
                raise RoofprofError("one process has nobody to send to", "start it with torchrun on several GPUs")
            run(team, args)
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    return 0


def run(team: Team, args: argparse.Namespace) -> None:
    """The steps. A first one, in a range of its own, is the start-up of every communicator."""
    import torch

    cudart: Output = torch.cuda.cudart() if args.device == "cuda" else None
    ranges, calls = open_ranges(args.device), collectives(team, args.mib << 20)
    with torch.no_grad():
        with ranges.range("warm_up"):
            for call in calls.values():
                call()
        synchronise(args.device)
        if args.device == "cuda":  # for ncu --profile-from-start off: the start-up need not be counted
            cudart.cudaProfilerStart()
        for step in range(args.steps):
            for name, call in calls.items():
                if step == 1 and name.startswith("all_reduce") and team.rank == args.late_rank:
                    time.sleep(args.late_ms / 1000)
                with ranges.range(name):
                    call()
            synchronise(args.device)
        if args.device == "cuda":
            cudart.cudaProfilerStop()


def collectives(team: Team, payload_bytes: int) -> dict[str, Run]:
    """By range name: all-reduce, all-gather, reduce-scatter, all-to-all and broadcast of a payload in bf16."""
    import torch
    import torch.distributed as dist

    n, rows = team.count, payload_bytes // 2 // WIDTH
    rows -= rows % n
    if rows == 0:
        raise RoofprofError(f"{payload_bytes} bytes are too few for {n} ranks", "give a larger payload")

    def buffer(count: int) -> Tensor:
        return torch.zeros(count, WIDTH, device=team.device, dtype=torch.bfloat16)

    x, whole, part, other = buffer(rows), buffer(rows * n), buffer(rows // n), buffer(rows)

    def name(op: str, sizes: dict[str, int]) -> str:
        return format_range_name(op, op, {"m": rows, "d": WIDTH, **sizes})

    gathered = dist.all_gather_into_tensor
    return {
        name("all_reduce", {"t": n}): lambda: dist.all_reduce(x),
        name("all_gather", {"t": n}): lambda: gathered(whole, x),
        name("reduce_scatter", {"t": n}): lambda: dist.reduce_scatter_tensor(part, x),
        name("all_to_all", {"t": 1, "w": n}): lambda: dist.all_to_all_single(other, x),
        "broadcast": lambda: dist.broadcast(x, 0),
    }


if __name__ == "__main__":
    sys.exit(main())
