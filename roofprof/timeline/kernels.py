"""The kernels and memory operations of each op: one entry a name and launch shape."""

from typing import Any

import numpy as np
import polars as pl

from roofprof.timeline.frames import BLOCK, GRID
from roofprof.timeline.nesting import Booleans, Integers

Place = tuple[int, bool]
"""Path number, and whether a graph replayed it."""


def kernel_rows(kernels: pl.DataFrame, path: Integers, replayed: Booleans) -> dict[Place, list[dict[str, Any]]]:
    """Kernels of each op, the longest in total first.

    Args:
        kernels: KERNEL_SCHEMA.
        path: path number of each.
        replayed: whether a graph replayed each.
    """
    key = ["kernel_name", "kernel_demangled_name", *GRID, *BLOCK]
    rows = _summed(kernels.select(*key, "start_ns", "end_ns"), key, path, replayed)
    found: dict[Place, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault((row["path"], row["replayed"]), []).append(
            {
                "kernel_name": row["kernel_name"],
                "kernel_demangled_name": row["kernel_demangled_name"],
                "grid": [row[c] for c in GRID],
                "block": [row[c] for c in BLOCK],
                "launch_count": row["count"],
                **_durations(row),
            }
        )
    return found


def memory_rows(operations: pl.DataFrame, path: Integers, replayed: Booleans) -> dict[Place, list[dict[str, Any]]]:
    """Memory copies and sets of each op, the longest in total first.

    Args:
        operations: MEMORY_OPERATION_SCHEMA.
        path: path number of each.
        replayed: whether a graph replayed each.
    """
    key = ["kind", "direction", "bytes"]
    rows = _summed(operations.select(*key, "start_ns", "end_ns"), key, path, replayed)
    found: dict[Place, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault((row["path"], row["replayed"]), []).append(
            {
                **{c: row[c] for c in key},
                "count": row["count"],
                **_durations(row),
            }
        )
    return found


def _durations(row: dict[str, Any]) -> dict[str, Any]:
    """All launches together, and one on average, at least and at most."""
    mean = row["total"] / row["count"]
    return {"total_ns": row["total"], "mean_ns": mean, "min_ns": row["least"], "max_ns": row["most"]}


def _summed(frame: pl.DataFrame, key: list[str], path: Integers, replayed: Booleans) -> pl.DataFrame:
    """Count, total and extreme durations of each distinct row of `key` at each place."""
    place = pl.Series("place", (path * 2 + replayed).astype(np.int32))
    duration = pl.col("end_ns") - pl.col("start_ns")
    rows = (
        frame.lazy()
        .select(*key, place, duration=duration)
        .group_by("place", *key, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            # No median: it would hold every duration of every group at once.
            pl.col("duration").sum().alias("total"),
            pl.col("duration").min().alias("least"),
            pl.col("duration").max().alias("most"),
        )
        .collect()
    )
    rows = rows.with_columns(path=pl.col("place").floordiv(2), replayed=pl.col("place") % 2 == 1)
    return rows.sort("place", "total", descending=[False, True], maintain_order=True)
