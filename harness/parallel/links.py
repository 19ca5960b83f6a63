"""Roofs of the link, by events and without a profiler: reads and writes of a peer's memory, and all-reduce by size.

`torchrun ... -m roofprof.harness.parallel.links --json-out FILE`; `roofprof ceilings --ranks N` starts it.
"""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from roofprof import __version__
from roofprof.errors import RoofprofError
from roofprof.files import write_json
from roofprof.formatting import print_error
from roofprof.formulas.collectives import all_reduce
from roofprof.harness.inputs import environment
from roofprof.harness.inputs.machine import Device, synchronise
from roofprof.harness.inputs.stopwatch import best_seconds, row_seconds
from roofprof.harness.inputs.team import Team, open_team
from roofprof.harness.parallel.peer import buffer, copier, open_peers

PEER_BYTES = 1 << 30
SIZES = tuple(1 << power for power in range(12, 31, 2))
"""Payloads of the all-reduce, 4 KiB to 1 GiB."""
REPEATS = 20
REPLAYS = 3
_WARM_UP = 3
SCHEMA_VERSION = 1
Record = dict[str, object]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m roofprof.harness.parallel.links", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--json-out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--largest", type=int, default=max(SIZES), help="largest payload, bytes")
    args = parser.parse_args(argv)
    try:
        with open_team(int(os.environ.get("WORLD_SIZE", "0") or 0), 1, args.device) as team:
            if team is None:
                raise RoofprofError("one process has nobody to send to", "start it with torchrun on several GPUs")
            found = measure(team, [size for size in SIZES if size <= args.largest])
            if team.rank == 0:
                write_json(args.json_out, found)
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    return 0


def measure(team: Team, sizes: Sequence[int]) -> Record:
    """Everything; the peers' memory by rank 0 alone, while the others wait."""
    skipped: dict[str, str] = {}
    peer = _peer(skipped) if team.rank == 0 and team.device == "cuda" else {}
    team.barrier()
    rows = [_all_reduce(team, size) for size in sizes]
    versions = environment.versions()
    gpu = environment.gpu(team.device)
    return {
        "schema_version": SCHEMA_VERSION,
        "roofprof": __version__,
        "gpu": gpu and gpu["name"],
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "ranks": team.count,
        **{f"{way}_bytes_per_s": peer.get(way) for way in ("peer_read", "peer_write")},
        "all_reduce": rows,
        "conditions": {
            "driver": gpu and gpu["driver_version"], "torch": versions.get("torch"),
            "nvls_off": os.environ.get("NCCL_NVLS_ENABLE") == "0",
            "launched_from": "CUDA graph" if team.device == "cuda" else "Python",
        },
        "skipped": skipped,
    }  # fmt: skip


def _peer(skipped: dict[str, str]) -> dict[str, float]:
    try:
        open_peers()
        here, there, copy = buffer(PEER_BYTES, 0), buffer(PEER_BYTES, 1), copier(PEER_BYTES)
        return {
            "peer_read": PEER_BYTES / best_seconds(lambda: copy(there, here), REPEATS),
            "peer_write": PEER_BYTES / best_seconds(lambda: copy(here, there), REPEATS),
        }
    except Exception as error:  # libraries raise anything
        skipped["peer"] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return {}


def _all_reduce(team: Team, size: int) -> Record:
    """Rates of the slowest rank, of calls back to back; link bytes are the ring's by formula, not counted."""
    import torch
    import torch.distributed as dist

    x = torch.zeros(size // 2, device=team.device, dtype=torch.bfloat16)
    team.barrier()
    seconds = torch.tensor([_back_to_back(lambda: dist.all_reduce(x), team.device)], device=team.device)
    dist.all_reduce(seconds, op=dist.ReduceOp.MAX)
    slowest, sent = float(seconds), all_reduce(1, size // 2, team.count).link_bytes
    return {
        "bytes": size, "duration_ns": slowest * 1e9, "algorithm_bytes_per_s": size / slowest,
        "ring_link_bytes_per_s": sent / slowest,
    }  # fmt: skip


def _back_to_back(run: Callable[[], object], device: Device) -> float:
    """The mean of calls in a row: a single one would be timed with the wait for the slowest to arrive.

    On a GPU they are replayed from a CUDA graph, for a short one takes less time than its launch from Python.
    """
    for _ in range(_WARM_UP):
        run()
    synchronise(device)
    if device == "cpu":
        start = time.monotonic()
        for _ in range(REPEATS):
            run()
        return (time.monotonic() - start) / REPEATS
    import torch

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(REPEATS):
            run()
    graph.replay()
    return row_seconds(graph.replay, REPLAYS) / REPEATS


if __name__ == "__main__":
    sys.exit(main())
