"""`torchrun --nproc-per-node N -m roofprof.harness.parallel --tp T --ep E`: the parallel layer against one GPU's."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from roofprof.errors import RoofprofError
from roofprof.formatting import print_error
from roofprof.formulas.layer_case import gpus_together
from roofprof.harness.inputs.call import relative_error
from roofprof.harness.inputs.team import Team, open_team
from roofprof.harness.parallel.layer import Shared, Sizes, draw, references

TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}
"""Largest relative Frobenius error: parts are rounded to the type before they are summed, in another order."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 when a result is not one GPU's."""
    parser = argparse.ArgumentParser(prog="python -m roofprof.harness.parallel", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dtype", choices=tuple(TOLERANCE), help="bfloat16 on a GPU, float32 on the CPU by default")
    for name, default in (("tp", 1), ("ep", 1), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in Sizes.__dataclass_fields__:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Sizes(), name))
    args = parser.parse_args(argv)
    try:
        ranks = gpus_together(args.tp, args.ep)
        if ranks < 2 or ranks % args.tp:
            raise RoofprofError("there is nothing to share", "give --tp T, or --ep E, a multiple of T")
        with open_team(ranks, args.tp, args.device) as team:
            assert team is not None
            found = check(team, args)
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    wrong = [row for row in found if row["verdict"] != "ok"]
    if os.environ.get("RANK") == "0":
        print(json.dumps({"ranks": ranks, "tp": args.tp, "ep": args.ep, "results": found}, indent=1))
    return int(bool(wrong))


def check(team: Team, args: argparse.Namespace) -> list[dict[str, object]]:
    """Every shared part; the errors are the largest over all processes."""
    import torch

    dtype = args.dtype or ("bfloat16" if args.device == "cuda" else "float32")
    sizes = Sizes(**{name: getattr(args, name) for name in Sizes.__dataclass_fields__})
    groups = max(1, args.ep // args.tp)
    with torch.no_grad():
        whole = draw(sizes, groups, args.device, getattr(torch, dtype), args.seed)
        shared = Shared(whole, sizes, team, args.ep)
        wanted = references(shared)
        errors = {
            "all_reduce_attn": relative_error(shared.attention_out(), wanted["all_reduce_attn"]),
            "all_reduce_mlp": relative_error(shared.shared_mlp(), wanted["all_reduce_mlp"]),
            "moe": relative_error(shared.moe(), wanted["moe"]),
        }
        if args.ep > 1:
            received, sent = shared.dispatched()
            errors["ep_dispatch"] = float((received != sent).sum()) if received.shape == sent.shape else float("inf")
    limits = {name: 0.0 if name == "ep_dispatch" else TOLERANCE[dtype] for name in errors}
    return [
        {"op": name, "error": error, "tolerance": limits[name], "verdict": "ok" if error <= limits[name] else "WRONG"}
        for name, error in _worst(team, errors).items()
    ]


def _worst(team: Team, errors: dict[str, float]) -> dict[str, float]:
    import torch
    import torch.distributed as dist

    values = torch.tensor(list(errors.values()), device=team.device, dtype=torch.float32)
    dist.all_reduce(values, op=dist.ReduceOp.MAX)
    return dict(zip(errors, values.tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
