"""A trace whose operations are read part by part, in the order of start."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from roofprof.findings import Finding
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.nesting import Integers


@dataclass(frozen=True, slots=True)
class StreamedTrace:
    """What is known of all operations before the first part is read, and the parts."""

    parts: Callable[[], Iterator[NsysTrace]]
    """Operations of one stretch of time after the other: none starts earlier than one of the part before."""
    ranges: pl.DataFrame
    """RANGE_SCHEMA, every domain."""
    shapes: pl.DataFrame
    """SHAPE_SCHEMA, of all kernels."""
    place_keys: Integers
    """`places.place_keys` of all operations."""
    replays: Integers
    """`op_calls.replays_of` of all operations: two rows, process and correlation id."""
    kernel_count: int
    operation_count: int
    findings: tuple[Finding, ...]
    """What the reader could not use, with counts."""
    source: str = ""
    """File name, for messages."""
