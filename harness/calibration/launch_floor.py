"""What a launch costs before its kernel does anything."""

from contextlib import nullcontext
from typing import TYPE_CHECKING

from roofprof.harness.inputs.stopwatch import Run, best_seconds, row_seconds

if TYPE_CHECKING:
    from roofprof.harness.calibration.raw_kernels import RawKernels

FLOOR_LAUNCHES = 1000


def launch_floor_ns(raw: "RawKernels | None") -> dict[str, float]:
    """From one launch of an empty kernel to the next: launched one by one from Python, and as nodes of a CUDA graph.

    Args:
        raw: `RawKernels`, or None: then a torch kernel on one element is timed.
    """
    import torch

    one = torch.zeros(1, device="cuda")
    empty: Run = raw.empty if raw is not None else lambda: one.add_(1)
    floor = {"eager": min(_launch_seconds(empty) for _ in range(5)) * 1e9}
    graph = torch.cuda.CUDAGraph()
    empty()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph), raw.on_torch_stream() if raw is not None else nullcontext():
        for _ in range(FLOOR_LAUNCHES):
            empty()
    graph.replay()
    floor["graph"] = best_seconds(graph.replay, 5) / FLOOR_LAUNCHES * 1e9
    return floor


def _launch_seconds(run: Run) -> float:
    import torch

    run()
    torch.cuda.synchronize()
    return row_seconds(run, FLOOR_LAUNCHES)
