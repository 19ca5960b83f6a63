"""Where operations ran: on which device of which process. Figures of two places are never added."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import DTypeLike

from roofprof.formats.nsys import PROCESS_MASK, process_id
from roofprof.timeline.frames import Operations, parts, slices
from roofprof.timeline.intervals import sorting
from roofprof.timeline.nesting import Booleans, Integers, runs

_NO_DEVICE = 0xFFFFFF
_SMALL: DTypeLike = np.int32


@dataclass(frozen=True, slots=True)
class Place:
    """One device as one process numbers it: another process may call another GPU by the same number."""

    process_id: int | None
    """The operating system's; None where the trace does not tell."""
    device_id: int | None


@dataclass(frozen=True, slots=True)
class Places:
    """The place of every operation, by number."""

    number: Integers
    """Of each operation."""
    known: tuple[Place, ...]
    """By number, sorted."""
    order: Integers | None
    """Operations in the order of place, then of start; None where that is their order."""


def find_places(operations: Operations | pl.DataFrame, distinct: Integers | None = None) -> Places:
    """The place of each operation.

    Args:
        operations: OPERATION_SCHEMA's columns.
        distinct: what `place_keys` gives of all operations, where these are a part of them.
    """
    start = operations["start_ns"].to_numpy()
    if distinct is None:
        distinct = place_keys(operations)
    if len(distinct) == 1:
        number: Integers = np.broadcast_to(np.int64(0), operations.height)  # takes no memory
    else:
        number = np.empty(operations.height, _SMALL)
        for rows, keys in _keys(operations):
            number[rows] = np.searchsorted(distinct, keys)
    return Places(number, places_of(distinct), sorting(number, start))


def place_keys(operations: Operations | pl.DataFrame) -> Integers:
    """One integer for each place of the operations, sorted."""
    found = [np.empty(0, np.int64)]
    for _, keys in _keys(operations):
        changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        found.append(np.unique(keys[np.concatenate([[0], changes])]))
    return np.unique(np.concatenate(found))


def places_of(distinct: Integers) -> tuple[Place, ...]:
    """The places that `place_keys` stand for."""
    return tuple(map(_place, distinct.tolist()))


def _keys(operations: Operations | pl.DataFrame) -> Iterator[tuple[slice, Integers]]:
    """One integer for process and device; a serialised process has 24 bits free."""
    for rows, part in parts(operations, ("global_pid", "device_id")):
        process = part["global_pid"].fill_null(0).to_numpy() & PROCESS_MASK
        yield rows, process | part["device_id"].cast(pl.Int64).fill_null(_NO_DEVICE).to_numpy()


def _place(key: int) -> Place:
    process, device = key & PROCESS_MASK, key & ~PROCESS_MASK
    return Place(process_id(process) if process else None, device if device != _NO_DEVICE else None)


@dataclass(frozen=True, slots=True)
class Covered:
    """Time in which at least one of some operations ran, per place."""

    union_ns: Integers
    first_ns: Integers
    """Start of the first of them; meaningless where `union_ns` and `count` are 0."""
    last_ns: Integers
    """End of the last of them."""
    count: Integers


_EARLIEST = np.iinfo(np.int64).min
_LATEST = np.iinfo(np.int64).max


def covered(
    places: Places, start: Integers, end: Integers, chosen: Booleans | None = None, before: Covered | None = None
) -> Covered:
    """What the operations cover, some at a time: only the end of the last one so far is carried on.

    Args:
        places: of the operations.
        start: of each, ns.
        end: of each, ns.
        chosen: which of them count; None takes all.
        before: what operations cover that started no later than these; the result covers them too.
    """
    count = len(places.known)
    union, number = np.zeros(count, np.int64), np.zeros(count, np.int64)
    first, latest = np.full(count, _LATEST), np.full(count, _EARLIEST)
    if before is not None:
        union, first, latest, number = (
            c.copy() for c in (before.union_ns, before.first_ns, before.last_ns, before.count)
        )
    for some in slices(len(start)):
        rows = np.arange(some.start, some.stop) if places.order is None else places.order[some]
        if chosen is not None:
            rows = rows[chosen[rows]]
        for place, low, high in runs(places.number[rows]):
            began, ended = start[rows[low:high]], end[rows[low:high]]
            running = np.maximum.accumulate(np.append(latest[place], ended))
            union[place] += int(np.maximum(ended - np.maximum(began, running[:-1]), 0).sum())
            first[place] = min(first[place], began[0])
            latest[place] = running[-1]
            number[place] += high - low
    return Covered(union, first, latest, number)
