"""The rows of the timeline as they stand in its JSON document: ops, their kernels and memory operations, totals."""

from typing import Literal, TypedDict

RangePath = tuple[str, ...]
"""Names of the ranges around an operation, from the outermost in."""

Launch = Literal["stream", "graph"]
"""How an op's operations were launched: one by one, or replayed by a CUDA graph."""


Kind = Literal["op", "kernel"]
"""What a row is of: a range, or a kernel."""


class Where(TypedDict):
    """One device of one process; null is unknown."""

    process_id: int | None
    device_id: int | None
    """As the process numbers it: under CUDA_VISIBLE_DEVICES, 0 of two processes may be two GPUs."""


class Durations(TypedDict):
    """Of all launches together, and of one of them."""

    total_ns: int
    mean_ns: float
    min_ns: int
    max_ns: int


class KernelRow(Durations, Where):
    """The launches of one kernel with one launch shape on one device."""

    kernel_name: str | None
    """Without templates and arguments."""
    kernel_demangled_name: str | None
    grid: list[int]
    block: list[int]
    launch_count: int


class MemoryRow(Durations, Where):
    """The memcpys or memsets of one direction and size on one device."""

    kind: str
    """memcpy or memset."""
    direction: str | None
    bytes: int | None
    count: int


class Spread(TypedDict):
    """Smallest and largest value over the calls."""

    busy_ns: list[int]


class OpRow(Where):
    """One op: one full path, launched one way, on one device. Times are medians over its calls, in ns; null is unknown.

    A row of kind `kernel` is one kernel, and each of its launches a call. docs/timeline.md defines each field.
    """

    op: str
    implementation: str | None
    """As an ops file names it."""
    kind: Kind
    nvtx_path: list[str]
    launch: Launch
    calls: int
    calls_in_ranges: int
    """Those of the calls that lie in a range of the domain: all of an op's."""
    first_start_ns: int
    """Start of the first call on the GPU, by the trace's clock."""
    total_busy_ns: int
    """Time in which any operation of any call ran: a union, not a median."""
    nsys_duration_ns: float | None
    nsys_union_ns: float | None
    nsys_projected_ns: float
    share: float | None
    """`total_busy_ns` over the time in which the device was busy."""
    busy_ns: float
    memory_duration_ns: float
    gap_ns: float | None
    gap_before_ns: float | None
    launch_bound_ns: float | None
    spread: Spread
    kernels: list[KernelRow]
    memory_operations: list[MemoryRow]


class CopyRow(TypedDict):
    """The memcpys of one direction, or the memsets, of one device."""

    kind: str
    direction: str | None
    count: int
    bytes: int | None
    duration_ns: int
    """Sum."""


class DeviceRow(Where):
    """One device of one process. Times are unions of intervals: what runs side by side counts once."""

    span_ns: int
    """From the start of its first operation to the end of its last."""
    busy_ns: int
    idle_ns: int
    """The rest of the span."""
    gap_count: int
    longest_gap_ns: int
    launch_bound_ns: int
    """The part of the idle time that ended with an operation whose launch was late."""
    kernel_count: int
    kernel_ns: int
    compute_ns: int
    """Kernels that do not communicate. They and those that do: kernel_ns = compute + communication - overlap."""
    communication_ns: int
    overlap_ns: int
    compute_only_ns: int
    communication_only_ns: int
    memory_ns: int
    """Memcpys and memsets."""
    whole_graph_ns: int
    """Graphs that were traced as a whole, whose kernels are unknown."""
    in_ranges_ns: int
    coverage: float | None
    """in_ranges_ns / busy_ns."""
    copies: list[CopyRow]


class LayerTotals(TypedDict):
    """Over all calls of all ops, added: calls that run side by side count each."""

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
