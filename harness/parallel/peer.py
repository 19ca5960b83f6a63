"""Kernels that read and write another GPU's memory: what the link's counters, and its roof, are held against.

`python -m roofprof.harness.parallel.peer`: one process, two GPUs; a read, a write and a local copy, each in a range.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from roofprof.errors import RoofprofError
from roofprof.formatting import print_error
from roofprof.harness.inputs.ranges import open_ranges
from roofprof.harness.inputs.tensors import Tensor

BYTES = 256 << 20
BLOCK_BYTES = 32 << 10
_BYTES_EACH = 8


def open_peers(first: int = 0, second: int = 1) -> None:
    """Let each GPU reach the other's memory.

    Raises:
        RoofprofError: they cannot.
    """
    import torch

    if torch.cuda.device_count() < 2:
        raise RoofprofError(f"{torch.cuda.device_count()} GPU is here", "a peer takes two")
    for one, other in ((first, second), (second, first)):
        if not torch.cuda.can_device_access_peer(one, other):
            raise RoofprofError(f"GPU {one} cannot reach GPU {other}'s memory", "see nvidia-smi topo -m")
        # torch opens the way at the first copy between two GPUs.
        torch.zeros(1, device=f"cuda:{one}").copy_(torch.zeros(1, device=f"cuda:{other}"))


def copier(size: int) -> Callable[[Tensor, Tensor], None]:
    """What copies `size` bytes by a kernel of the current GPU; either side may be another GPU's memory.

    Raises:
        RoofprofError: no Triton.
    """
    try:
        from roofprof.harness.ops._triton_kernels import copy_words
    except ImportError as error:
        raise RoofprofError(f"triton does not import: {error}", "install triton") from error
    assert size % BLOCK_BYTES == 0
    return copy_words


def buffer(size: int, gpu: int) -> Tensor:
    """So many bytes on a GPU."""
    import torch

    return torch.zeros(size // _BYTES_EACH, dtype=torch.int64, device=f"cuda:{gpu}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m roofprof.harness.parallel.peer", description=__doc__)
    parser.parse_args(argv)
    try:
        _run()
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    return 0


def _run() -> None:
    import torch

    open_peers()
    torch.cuda.set_device(0)
    here, also_here, there = buffer(BYTES, 0), buffer(BYTES, 0), buffer(BYTES, 1)
    copy, ranges = copier(BYTES), open_ranges("cuda")
    for name, source, target in (
        ("local_copy", here, also_here),
        ("peer_read", there, here),
        ("peer_write", here, there),
    ):
        with ranges.range(name):
            copy(source, target)
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
