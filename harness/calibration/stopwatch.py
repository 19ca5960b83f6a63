"""Times calls on the GPU with CUDA events."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

Run = Callable[[], object]
_WARM_UP = 3
FLOOR_LAUNCHES = 1000


def best_seconds(run: Run, repeats: int, pause_s: float = 0.0) -> float:
    """The shortest of some calls, each between two events of its own."""
    import torch

    for _ in range(_WARM_UP):
        run()
    torch.cuda.synchronize()
    time.sleep(pause_s)
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for begin, end in events:
        begin.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return float(min(begin.elapsed_time(end) for begin, end in events)) / 1e3


def mean_seconds(run: Run, least_s: float) -> float:
    """The mean over calls in a row that take at least so long: what heat and power leave."""
    import torch

    one = best_seconds(run, 3)
    count = max(3, int(least_s / one) + 1)
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(count):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / count


def launch_floor_ns(raw: Any) -> dict[str, float]:
    """From one launch of an empty kernel to the next: launched one by one from Python, and as nodes of a CUDA graph.

    Args:
        raw: `RawKernels`, or None: then a torch kernel of one element stands in.
    """
    import torch

    one = torch.zeros(1, device="cuda")
    empty: Run = raw.empty if raw is not None else lambda: one.add_(1)
    floor = {"eager": min(_row_seconds(empty) for _ in range(5)) * 1e9}
    graph = torch.cuda.CUDAGraph()
    empty()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph), raw.on_torch_stream() if raw is not None else nullcontext():
        for _ in range(FLOOR_LAUNCHES):
            empty()
    graph.replay()
    floor["graph"] = best_seconds(graph.replay, 5) / FLOOR_LAUNCHES * 1e9
    return floor


def _row_seconds(run: Run) -> float:
    import torch

    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    run()
    torch.cuda.synchronize()
    begin.record()
    for _ in range(FLOOR_LAUNCHES):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / FLOOR_LAUNCHES
