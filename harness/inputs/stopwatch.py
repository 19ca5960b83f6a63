"""Times calls on the GPU with CUDA events."""

import time
from collections.abc import Callable

Run = Callable[[], object]
_WARM_UP = 3


def best_seconds(run: Run, repeats: int, pause_s: float = 0.0) -> float:
    """The shortest of `repeats` calls, each between its own two events."""
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


def mean_seconds(run: Run, min_s: float) -> float:
    """The mean over back-to-back calls that take at least `min_s`: what heat and power leave."""
    one = best_seconds(run, 3)
    return row_seconds(run, max(3, int(min_s / one) + 1))


def row_seconds(run: Run, count: int) -> float:
    """The mean of `count` calls in a row, between two events; nothing is warmed up."""
    import torch

    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(count):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / count
