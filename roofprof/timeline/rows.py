"""The rows of the timeline as they stand in its JSON document: ops, their kernels and memory operations, totals."""

from typing import Literal, TypedDict

RangePath = tuple[str, ...]
"""Names of the ranges around an operation, from the outermost in."""

Launch = Literal["stream", "graph"]
"""How an op's operations were launched: one by one, or replayed by a CUDA graph."""


class Durations(TypedDict):
    """Of all launches together, and of one of them."""

    total_ns: int
    mean_ns: float
    min_ns: int
    max_ns: int


class KernelRow(Durations):
    """The launches of one kernel with one launch shape."""

    kernel_name: str | None
    """Without templates and arguments."""
    kernel_demangled_name: str | None
    grid: list[int]
    block: list[int]
    launch_count: int


class MemoryRow(Durations):
    """The memcpys or memsets of one direction and size."""

    kind: str
    """memcpy or memset."""
    direction: str | None
    bytes: int | None
    count: int


class Spread(TypedDict):
    """Smallest and largest value over the calls."""

    busy_ns: list[int]


class OpRow(TypedDict):
    """One op: one full path, launched one way. Times are medians over its calls, in ns; null is unknown.

    docs/timeline.md defines each of them.
    """

    op: str
    nvtx_path: list[str]
    launch: Launch
    calls: int
    nsys_duration_ns: float | None
    nsys_union_ns: float | None
    nsys_projected_ns: float
    share: float | None
    busy_ns: float
    memory_duration_ns: float
    gap_ns: float
    gap_before_ns: float
    launch_bound_ns: float
    spread: Spread
    kernels: list[KernelRow]
    memory_operations: list[MemoryRow]


class LayerTotals(TypedDict):
    """Over all calls of all ops."""

    calls: int
    busy_ns: int
    gap_ns: int
    gap_before_ns: int
    launch_bound_ns: int


class UnattributedCounts(TypedDict):
    """GPU operations outside any range of the domain: how many, and the sum of their durations."""

    launch_count: int
    duration_ns: int
    memory_operation_count: int
    memory_duration_ns: int
    graph_launch_count: int
    graph_duration_ns: int


class UnattributedOperations(UnattributedCounts):
    """The same with the kernels and memory operations."""

    kernels: list[KernelRow]
    memory_operations: list[MemoryRow]
