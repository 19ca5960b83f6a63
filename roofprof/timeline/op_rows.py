"""The rows of ops: which calls are one op's, and the medians over them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import DTypeLike

from roofprof.timeline.frames import Operations, slices
from roofprof.timeline.intervals import grouped
from roofprof.timeline.kernels import where
from roofprof.timeline.nesting import Booleans, Integers
from roofprof.timeline.op_calls import Attribution, PathNumbers
from roofprof.timeline.op_names import OpKey, read_key
from roofprof.timeline.places import Place, Places
from roofprof.timeline.range_paths import NO_PATH
from roofprof.timeline.rows import DeviceRow, KernelRow, MemoryRow, OpRow, RangePath


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """One number per row: op, way of launching and place; -1 - place for what is in no range."""

    keys: Sequence[OpKey]
    """Of each op, in the order of the first path of each."""
    op_of_path: Integers
    """Position in `keys` of each path."""
    places: Sequence[Place]

    @classmethod
    def of(
        cls, paths: Sequence[RangePath], places: Places, read: Callable[[RangePath], OpKey] = read_key
    ) -> "RowNumbers":
        """The ops of some paths: those whose names have one key are one op's."""
        numbers: dict[RangePath, int] = {}
        keys: list[OpKey] = []
        op_of_path = np.empty(len(paths), np.int64)
        for position, path in enumerate(paths):
            found = read(path)
            if found.key not in numbers:
                numbers[found.key] = len(keys)
                keys.append(found)
            op_of_path[position] = numbers[found.key]
        return cls(keys, op_of_path, places.known)

    def first_paths(self) -> PathNumbers:
        """Of each path the first one of its op; one element for NO_PATH stands last."""
        first = np.full(len(self.keys), len(self.op_of_path), np.int64)
        np.minimum.at(first, self.op_of_path, np.arange(len(self.op_of_path)))
        return np.append(first[self.op_of_path], NO_PATH).astype(np.int32)

    def row_of(self, op: Integers, replayed: Integers | Booleans, place: Integers) -> Integers:
        """The row's number."""
        return (op * 2 + replayed) * len(self.places) + place

    def place_number(self, row: int) -> int:
        """Position in `places` of where all operations of a row ran."""
        return -1 - row if row < 0 else row % len(self.places)

    def place_of(self, row: int) -> Place:
        """Where all operations of a row ran."""
        return self.places[self.place_number(row)]

    def replayed(self, row: int) -> bool:
        """Whether a row's operations were replayed by a graph."""
        return bool(row // len(self.places) % 2)

    def key_of(self, row: int) -> OpKey:
        """The op of a row."""
        return self.keys[row // len(self.places) // 2]

    def of_operations(self, attribution: Attribution, path: PathNumbers) -> Integers:
        """The row of each operation.

        Args:
            attribution: of the operations.
            path: of the operations.
        """
        small = 2 * (len(self.keys) + 1) * len(self.places) < 1 << 31
        number_type: DTypeLike = np.int32 if small else np.int64
        found: Integers = np.empty(len(path), number_type)
        for rows in slices(len(path)):
            key, number = attribution.key[rows], path[rows]
            place = attribution.place_of(key)
            if not len(self.keys):
                found[rows] = -1 - place
                continue
            op = self.op_of_path[np.maximum(number, 0)]
            inside = self.row_of(op, (key >= 0) & attribution.replayed(key), place)
            found[rows] = np.where(number == NO_PATH, -1 - place, inside)
        return found


class MedianRow(TypedDict):
    """A row of `medians`."""

    row: int
    path: int
    calls: int
    first_start_ns: int
    duration_ns: float | None
    union_ns: float | None
    projected_ns: float
    busy_ns: float
    memory_duration_ns: float
    gap_ns: float
    gap_before_ns: float
    launch_bound_ns: float
    busy_min_ns: int
    busy_max_ns: int
    total_busy_ns: int
    overlapping: bool


def medians(calls: pl.DataFrame, numbers: RowNumbers) -> pl.DataFrame:
    """One row per op, way of launching and place, in the order of the first call: medians over its calls.

    `total_busy_ns` adds up the calls; where `overlapping` is true, that counts a time more than once.

    Args:
        calls: CALL_SCHEMA, in the order of the first operation.
        numbers: of the rows.
    """
    path = calls["path"].to_numpy()
    columns = (calls["replayed"].to_numpy().astype(np.int64), calls["place"].to_numpy().astype(np.int64))
    row = numbers.row_of(numbers.op_of_path[path] if len(path) else path, *columns)
    names = ("duration_ns", "union_ns", "projected_ns", "busy_ns", "memory_duration_ns")
    idle = ("gap_ns", "gap_before_ns", "launch_bound_ns")
    ended = pl.col("last_end_ns").cum_max().shift(1)
    rows = (
        calls.with_columns(row=pl.Series(row))
        .group_by("row", maintain_order=True)
        .agg(
            pl.len().alias("calls"),
            pl.col("path", "first_start_ns").first(),
            *(pl.col(c).median() for c in (*names, *idle)),
            pl.col("busy_ns").min().alias("busy_min_ns"),
            pl.col("busy_ns").max().alias("busy_max_ns"),
            pl.col("busy_ns").sum().alias("total_busy_ns"),
            overlapping=(pl.col("first_start_ns") < ended).any().fill_null(False),
            # A median over some calls only would hide that the others are unknown.
            hidden=pl.col("duration_ns").null_count() > 0,
        )
    )
    return rows.with_columns(
        pl.when("hidden").then(None).otherwise(pl.col(c)).alias(c) for c in ("duration_ns", "union_ns")
    )


def exact_totals(rows: pl.DataFrame, operations: Operations, owner: Integers) -> Mapping[int, int]:
    """Union over all operations, for the rows whose calls ran side by side.

    Args:
        rows: of `medians`.
        operations: all of them.
        owner: row of each.
    """
    wanted = rows.filter("overlapping")["row"].to_numpy()
    if not len(wanted):
        return {}
    at = np.flatnonzero(np.isin(owner, wanted))
    start, end = (operations[c].gather(at).to_numpy() for c in ("start_ns", "end_ns"))
    groups = grouped(owner[at], start)
    found = owner[at][groups.order][groups.first]
    return dict(zip(found.tolist(), groups.union(start, end).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Details:
    """What ran in each row, by its number."""

    kernels: Mapping[int, list[KernelRow]]
    memory: Mapping[int, list[MemoryRow]]


def op_row(row: MedianRow, numbers: RowNumbers, path: RangePath, device: DeviceRow, details: Details) -> OpRow:
    """The row of an op.

    Args:
        row: its medians.
        numbers: of the rows.
        path: of its first call.
        device: that it ran on.
        details: of all rows.
    """
    number = row["row"]
    return {
        "op": numbers.key_of(number).op,
        "implementation": None,
        "kind": "op",
        **where(numbers.place_of(number)),
        "nvtx_path": list(path),
        "launch": "graph" if numbers.replayed(number) else "stream",
        "calls": row["calls"],
        "calls_in_ranges": row["calls"],
        "first_start_ns": row["first_start_ns"],
        "total_busy_ns": row["total_busy_ns"],
        "nsys_duration_ns": row["duration_ns"],
        "nsys_union_ns": row["union_ns"],
        "nsys_projected_ns": row["projected_ns"],
        "share": row["total_busy_ns"] / device["busy_ns"] if device["busy_ns"] else None,
        "busy_ns": row["busy_ns"],
        "memory_duration_ns": row["memory_duration_ns"],
        "gap_ns": row["gap_ns"],
        "gap_before_ns": row["gap_before_ns"],
        "launch_bound_ns": row["launch_bound_ns"],
        "spread": {"busy_ns": [row["busy_min_ns"], row["busy_max_ns"]]},
        "kernels": details.kernels.get(number, []),
        "memory_operations": details.memory.get(number, []),
    }
