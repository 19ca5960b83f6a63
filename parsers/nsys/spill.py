"""Operations in files, given back in the order of start: runs sorted on their own, and merged stretch by stretch."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from roofprof.parsers.nsys.tables import Integers


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    marks: Integers
    """Start of every so manieth row."""
    last: int
    """The last start."""


@dataclass(slots=True)
class SortedRuns:
    """Operations of one kind."""

    folder: Path
    schema: pl.Schema
    step: int
    """A mark is kept of so many rows."""
    height: int = 0
    _files: list[_File] = field(default_factory=list)

    def add(self, rows: pl.DataFrame) -> None:
        """Write a run; rows that start at one time stay in the order in which they came."""
        if not rows.height:
            return
        rows = _by_start(rows)
        path = self.folder / f"{id(self)}-{len(self._files)}.arrow"
        rows.write_ipc(path, compression="uncompressed")
        starts = rows["start_ns"].to_numpy()
        self._files.append(_File(path, starts[:: self.step].copy(), int(starts[-1])))
        self.height += rows.height

    def marks(self) -> Integers:
        """Starts, one of every `step` operations."""
        return np.concatenate([np.empty(0, np.int64), *(file.marks for file in self._files)])

    def between(self, low: int, high: int) -> pl.DataFrame:
        """Operations that start from `low` on and before `high`, sorted."""
        found = [pl.DataFrame(schema=self.schema)]
        for file in self._files:
            if file.marks[0] >= high or file.last < low:
                continue
            first = max(0, int(np.searchsorted(file.marks, low, side="left")) - 1) * self.step
            past = int(np.searchsorted(file.marks, high, side="left")) * self.step
            rows = pl.scan_ipc(file.path).slice(first, past - first)
            found.append(rows.filter(pl.col("start_ns") >= low, pl.col("start_ns") < high).collect())
        return _by_start(pl.concat(found, rechunk=True))


def stretches(runs: list[SortedRuns], rows: int) -> list[tuple[int, int]]:
    """Stretches of time with about so many operations each, one after the other."""
    marks = np.sort(np.concatenate([run.marks() for run in runs]))
    step = max(1, rows // max(run.step for run in runs))
    bounds = np.unique(marks[step::step]).tolist()
    edges = [np.iinfo(np.int64).min, *bounds, np.iinfo(np.int64).max]
    return list(pairwise(edges))


def _by_start(rows: pl.DataFrame) -> pl.DataFrame:
    return rows if rows["start_ns"].is_sorted() else rows.sort("start_ns", maintain_order=True)
