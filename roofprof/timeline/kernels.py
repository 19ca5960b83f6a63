"""The kernels and memory operations of each op: one entry per name and launch shape."""

from collections.abc import Callable, Sequence

import polars as pl

from roofprof.timeline.frames import BLOCK, GRID, with_shapes
from roofprof.timeline.nesting import Integers
from roofprof.timeline.places import Place
from roofprof.timeline.rows import Durations, KernelRow, MemoryRow, Where

KERNEL_KEY = ("kernel_name", "kernel_demangled_name", "shape")
MEMORY_KEY = ("kind", "direction", "bytes")
"""What one entry's operations have in common."""

Owner = int
"""Number of the row that a kernel or a memory operation is shown in."""


def where(place: Place) -> Where:
    """The place as rows have it."""
    return Where(process_id=place.process_id, device_id=place.device_id)


def kernel_rows(
    kernels: pl.DataFrame, shapes: pl.DataFrame, owner: Integers, place_of: Callable[[Owner], Place]
) -> dict[Owner, list[KernelRow]]:
    """Kernels of each owner, the longest in total first.

    Args:
        kernels: KERNEL_OPERATION_SCHEMA.
        shapes: SHAPE_SCHEMA.
        owner: of each.
        place_of: where all operations of an owner ran.
    """
    return kernel_rows_of(sums(kernels, KERNEL_KEY, owner), shapes, place_of)


def kernel_rows_of(
    rows: pl.DataFrame, shapes: pl.DataFrame, place_of: Callable[[Owner], Place]
) -> dict[Owner, list[KernelRow]]:
    """The same from what `sums` gives."""
    rows = rows.sort("owner", "total", descending=[False, True], maintain_order=True)
    found: dict[Owner, list[KernelRow]] = {}
    for row in with_shapes(rows, shapes).iter_rows(named=True):
        entry = KernelRow(
            kernel_name=row["kernel_name"],
            kernel_demangled_name=row["kernel_demangled_name"],
            grid=[row[c] for c in GRID],
            block=[row[c] for c in BLOCK],
            launch_count=row["count"],
            **where(place_of(row["owner"])),
            **_durations(row["total"], row["count"], row["min"], row["max"]),
        )
        found.setdefault(row["owner"], []).append(entry)
    return found


def memory_rows(
    operations: pl.DataFrame, owner: Integers, place_of: Callable[[Owner], Place]
) -> dict[Owner, list[MemoryRow]]:
    """Memcpys and memsets of each owner, the longest in total first.

    Args:
        operations: MEMORY_OPERATION_SCHEMA.
        owner: of each.
        place_of: where all operations of an owner ran.
    """
    return memory_rows_of(sums(operations, MEMORY_KEY, owner), place_of)


def memory_rows_of(rows: pl.DataFrame, place_of: Callable[[Owner], Place]) -> dict[Owner, list[MemoryRow]]:
    """The same from what `sums` gives."""
    rows = rows.sort("owner", "total", descending=[False, True], maintain_order=True)
    found: dict[Owner, list[MemoryRow]] = {}
    for row in rows.iter_rows(named=True):
        entry = MemoryRow(
            kind=row["kind"],
            direction=row["direction"],
            bytes=row["bytes"],
            count=row["count"],
            **where(place_of(row["owner"])),
            **_durations(row["total"], row["count"], row["min"], row["max"]),
        )
        found.setdefault(row["owner"], []).append(entry)
    return found


def _durations(total: int, count: int, shortest: int, longest: int) -> Durations:
    return Durations(total_ns=total, mean_ns=total / count, min_ns=shortest, max_ns=longest)


ADDED = (pl.col("count").sum(), pl.col("total").sum(), pl.col("min").min(), pl.col("max").max())
"""What `sums` gives of several parts, together."""


def sums(frame: pl.DataFrame, key: Sequence[str], owner: Integers) -> pl.DataFrame:
    """Count, total and extreme durations of each distinct row of `key` of each owner, in the order of the first."""
    owners = pl.Series("owner", owner)
    duration = pl.col("end_ns") - pl.col("start_ns")
    return (
        frame.lazy()
        .select(*key, owners, duration=duration)
        .group_by("owner", *key, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            # No median: it would hold every duration of every group at once.
            pl.col("duration").sum().alias("total"),
            pl.col("duration").min().alias("min"),
            pl.col("duration").max().alias("max"),
        )
        .collect()
    )
