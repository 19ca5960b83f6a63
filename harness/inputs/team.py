"""The processes that run a layer together, one a GPU: torch.distributed over NCCL, or over gloo on the CPU."""

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from roofprof.errors import RoofprofError, UsageError
from roofprof.harness.inputs.machine import Device, synchronise
from roofprof.harness.inputs.tensors import Output, Tensor

TIMEOUT_S = 300
"""After this a collective that a process waits in ends it with an error, where the launcher has not ended it before."""
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place, and the group of processes that hold its tensor-parallel parts."""

    rank: int
    count: int
    tp: int
    device: Device
    tp_group: Output = None
    """Of torch.distributed; None stands for all."""

    @property
    def tp_ranks(self) -> range:
        """The processes whose sums are made together."""
        first = self.rank // self.tp * self.tp
        return range(first, first + self.tp)

    def all_reduce(self, x: Tensor) -> None:
        """Sum x over the TP group, in place."""
        import torch.distributed as dist

        dist.all_reduce(x, group=self.tp_group)

    def all_to_all(self, received: Tensor, sent: Tensor, rows_in: Sequence[int], rows_out: Sequence[int]) -> None:
        """Exchange rows with all: the first `rows_out[0]` of `sent` go to process 0, and so on."""
        import torch.distributed as dist

        dist.all_to_all_single(received, sent, list(rows_in), list(rows_out))

    def barrier(self) -> None:
        """Wait for all."""
        import torch
        import torch.distributed as dist

        # A barrier of NCCL is an all-reduce that the host does not wait for.
        dist.all_reduce(torch.zeros(1, device=self.device))
        synchronise(self.device)


def local_rank() -> int:
    """Which of the machine's GPUs this process has; 0 outside a launcher."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def open_team(ranks: int, tp: int, device: Device) -> Iterator[Team | None]:
    """Join the processes of the launcher; None for one process.

    Raises:
        UsageError: not started by a launcher, or by one that started another number.
        RoofprofError: the processes do not find each other.
    """
    if ranks == 1:
        yield None
        return
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        hint = "start it with torchrun, or with roofprof capture --ranks"
        raise UsageError(f"--ranks {ranks} without a launcher: {', '.join(missing)} is not set", hint)
    if int(os.environ["WORLD_SIZE"]) != ranks:
        message = f"--ranks {ranks}, and the launcher started {os.environ['WORLD_SIZE']}"
        raise UsageError(message, "start as many processes as --ranks says")
    import torch
    import torch.distributed as dist

    if device == "cuda":
        if local_rank() >= torch.cuda.device_count():
            raise RoofprofError(
                f"rank {os.environ['RANK']} has no GPU: {torch.cuda.device_count()} here", "start one process a GPU"
            )
        torch.cuda.set_device(local_rank())
    limit = datetime.timedelta(seconds=TIMEOUT_S)
    gpu = torch.device("cuda", local_rank()) if device == "cuda" else None
    try:
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=limit, device_id=gpu)
    except (RuntimeError, ValueError) as error:
        raise RoofprofError(
            f"the processes did not find each other: {' '.join(str(error).split())[:200]}",
            f"is port {os.environ['MASTER_PORT']} of {os.environ['MASTER_ADDR']} free and open to all of them?",
        ) from error
    rank = dist.get_rank()
    # Every process makes every group, in the same order.
    groups = [dist.new_group(list(range(i, i + tp))) for i in range(0, ranks, tp)] if 1 < tp < ranks else []
    yield Team(rank, ranks, tp, device, groups[rank // tp] if groups else None)
    # Not after an error: the others are in a collective that this process will not join, and its end ends them.
    dist.destroy_process_group()
