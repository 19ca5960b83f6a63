"""The kernels and memory operations of each op: one entry per name and launch shape."""

import polars as pl

from roofprof.timeline.frames import BLOCK, GRID, with_shapes
from roofprof.timeline.nesting import Booleans
from roofprof.timeline.op_calls import PathNumbers
from roofprof.timeline.rows import Durations, KernelRow, MemoryRow

Place = tuple[int, bool]
"""Path number, and whether a graph replayed it."""


def kernel_rows(
    kernels: pl.DataFrame, shapes: pl.DataFrame, path: PathNumbers, replayed: Booleans
) -> dict[Place, list[KernelRow]]:
    """Kernels of each op, the longest in total first.

    Args:
        kernels: KERNEL_OPERATION_SCHEMA.
        shapes: SHAPE_SCHEMA.
        path: path number of each.
        replayed: whether a graph replayed each.
    """
    key = ["kernel_name", "kernel_demangled_name", "shape"]
    rows = _summed(kernels.select(*key, "start_ns", "end_ns"), key, path, replayed)
    found: dict[Place, list[KernelRow]] = {}
    for row in with_shapes(rows, shapes).iter_rows(named=True):
        entry = KernelRow(
            kernel_name=row["kernel_name"],
            kernel_demangled_name=row["kernel_demangled_name"],
            grid=[row[c] for c in GRID],
            block=[row[c] for c in BLOCK],
            launch_count=row["count"],
            **_durations(row["total"], row["count"], row["min"], row["max"]),
        )
        found.setdefault((row["path"], row["replayed"]), []).append(entry)
    return found


def memory_rows(operations: pl.DataFrame, path: PathNumbers, replayed: Booleans) -> dict[Place, list[MemoryRow]]:
    """Memcpys and memsets of each op, the longest in total first.

    Args:
        operations: MEMORY_OPERATION_SCHEMA.
        path: path number of each.
        replayed: whether a graph replayed each.
    """
    key = ["kind", "direction", "bytes"]
    rows = _summed(operations.select(*key, "start_ns", "end_ns"), key, path, replayed)
    found: dict[Place, list[MemoryRow]] = {}
    for row in rows.iter_rows(named=True):
        entry = MemoryRow(
            kind=row["kind"],
            direction=row["direction"],
            bytes=row["bytes"],
            count=row["count"],
            **_durations(row["total"], row["count"], row["min"], row["max"]),
        )
        found.setdefault((row["path"], row["replayed"]), []).append(entry)
    return found


def _durations(total: int, count: int, shortest: int, longest: int) -> Durations:
    return Durations(total_ns=total, mean_ns=total / count, min_ns=shortest, max_ns=longest)


def _summed(frame: pl.DataFrame, key: list[str], path: PathNumbers, replayed: Booleans) -> pl.DataFrame:
    """Count, total and extreme durations of each distinct row of `key` at each place."""
    place = pl.Series("place", path * 2 + replayed, dtype=pl.Int32)
    duration = pl.col("end_ns") - pl.col("start_ns")
    rows = (
        frame.lazy()
        .select(*key, place, duration=duration)
        .group_by("place", *key, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            # No median: it would hold every duration of every group at once.
            pl.col("duration").sum().alias("total"),
            pl.col("duration").min().alias("min"),
            pl.col("duration").max().alias("max"),
        )
        .collect()
    )
    rows = rows.with_columns(path=pl.col("place").floordiv(2), replayed=pl.col("place") % 2 == 1)
    return rows.sort("place", "total", descending=[False, True], maintain_order=True)
