"""Kernels as rows, added up over the parts of a trace."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from roofprof.timeline.kernels import ADDED, KERNEL_KEY, kernel_rows_of, sums
from roofprof.timeline.places import Place
from roofprof.timeline.rows import OpRow
from roofprof.timeline.shown.kernel_ops import op_rows_of, owned_kernels
from roofprof.timeline.streamed.sums import Reach, Sums
from roofprof.timeline.timeline import Timeline

_DURATION = pl.col("end_ns") - pl.col("start_ns")


class KernelSums:
    """What `kernel_op_rows` gives of the whole trace."""

    def __init__(self, places: Sequence[Place], outside_only: bool) -> None:
        self._places, self._outside_only = places, outside_only
        self._kernels = Sums(["owner", *KERNEL_KEY], ADDED)
        names = pl.col("kernel_name", "kernel_demangled_name").first()
        added = pl.col("calls", "inside", "total_busy_ns").sum()
        self._rows = Sums(["owner"], [added, names, pl.col("first_start_ns", "min").min(), pl.col("max").max()])
        # A median needs every duration, yet there are few different ones: nsys gives whole nanoseconds.
        self._durations = Sums(["owner", "duration"], [pl.col("count").sum()])
        self._reach = Reach()

    def add(self, kernels: pl.DataFrame, paths: pl.DataFrame, boundary: int) -> None:
        """Add a part.

        Args:
            kernels: KERNEL_OPERATION_SCHEMA.
            paths: of each, as `Timeline.kernels` has them.
            boundary: no later operation starts before.
        """
        frame = owned_kernels(kernels, paths, len(self._places), self._outside_only)
        owner, start, end = (frame[c].to_numpy() for c in ("owner", "start_ns", "end_ns"))
        self._kernels.add(sums(frame, KERNEL_KEY, owner).with_columns(pl.col("count").cast(pl.Int64)))
        counted = frame.lazy().group_by("owner", duration=_DURATION).agg(pl.len().cast(pl.Int64).alias("count"))
        self._durations.add(counted.sort("owner", "duration").collect())
        groups, union = self._reach.union(owner, start, end, boundary)
        rows = (
            frame.lazy()
            .group_by("owner", maintain_order=True)
            .agg(
                pl.len().cast(pl.Int64).alias("calls"),
                pl.col("path").count().cast(pl.Int64).alias("inside"),
                pl.col("kernel_name", "kernel_demangled_name").first(),
                pl.col("start_ns").min().alias("first_start_ns"),
                _DURATION.min().alias("min"),
                _DURATION.max().alias("max"),
            )
            .collect()
        )
        busy = union[np.searchsorted(groups, rows["owner"].to_numpy())]
        self._rows.add(rows.with_columns(total_busy_ns=pl.Series(busy, dtype=pl.Int64)))

    def rows(self, timeline: Timeline, shapes: pl.DataFrame) -> list[OpRow]:
        """The rows of kernels, in the order of the first launch."""
        count = len(self._places)
        kernels = kernel_rows_of(self._kernels.total(), shapes, lambda owner: self._places[owner % count])
        rows = self._rows.total().with_columns(pl.col("kernel_name", "kernel_demangled_name").cast(pl.String))
        rows = rows.join(_medians(self._durations.total()), on="owner", how="left", maintain_order="left")
        return op_rows_of(rows, kernels, timeline)


def _medians(durations: pl.DataFrame) -> pl.DataFrame:
    """`median` of each owner, from how often there is each duration."""
    below = pl.col("count").cum_sum()
    total = pl.col("count").sum()
    low = pl.col("duration").filter(below > (total - 1) // 2).first()
    high = pl.col("duration").filter(below > total // 2).first()
    ordered = durations.sort("owner", "duration").group_by("owner", maintain_order=True)
    return ordered.agg(median=(low + high) / 2)
