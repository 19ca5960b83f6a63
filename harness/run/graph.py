"""The layer as CUDA graphs, one per pass."""

from collections.abc import Iterable
from typing import Protocol

from roofprof.errors import RoofprofError
from roofprof.harness.inputs.ranges import Ranges
from roofprof.harness.run.prepare import ReadyOp


class Replayable(Protocol):
    """A CUDA graph."""

    def replay(self) -> None:
        """Launch what was captured."""


def capture_graphs(ready: list[ReadyOp], ranges: Ranges, case: str, steps: Iterable[int]) -> list[Replayable]:
    """Capture every op in its range once per step.

    Ranges are not active when a graph is replayed; a tracer takes them from the capture. So the capture is
    inside the case's range as well: an op has the same path, launched or replayed.

    Raises:
        RoofprofError: an op does something that a graph cannot capture.
    """
    import torch

    graphs: list[Replayable] = []
    for step in steps:
        graph = torch.cuda.CUDAGraph()
        op: ReadyOp | None = None
        try:
            with ranges.range(case), torch.cuda.graph(graph):
                for op in ready:
                    with ranges.range(op.range_name):
                        op.call.run(step)
        except RuntimeError as error:
            name = op.planned.spec.op if op else "the layer"
            raise RoofprofError(
                f"{name} cannot be captured in a CUDA graph: {' '.join(str(error).split())[:200]}",
                "choose another --impl for it, or leave out --graph",
            ) from error
        graphs.append(graph)
    return graphs
