"""What profilers see of a run: between cudaProfilerStart and cudaProfilerStop."""

from collections.abc import Iterator
from contextlib import contextmanager

from roofprof.harness.inputs.machine import Device, synchronise


class ProfilerRegion:
    """One region per case, or one from the first case's ops to the last's, warm-up in between included.

    ncu takes any number of regions; nsys writes a report for each, and one is simpler to keep whole.
    """

    def __init__(self, device: Device, once: bool) -> None:
        self._device = device
        self._once = once
        self._open = False

    @contextmanager
    def case(self) -> Iterator[None]:
        """The region around the ops of one case."""
        if not self._open:
            self._call("cudaProfilerStart")
        try:
            yield
        finally:
            if not self._once:
                self.close()

    def close(self) -> None:
        """End the region if one is open."""
        if self._open:
            self._call("cudaProfilerStop")

    def _call(self, name: str) -> None:
        if self._device == "cuda":
            import torch

            synchronise(self._device)
            getattr(torch.cuda.cudart(), name)()
        self._open = name == "cudaProfilerStart"
