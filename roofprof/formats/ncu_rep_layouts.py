"""Layouts: runs of metrics that lie in many results of an .ncu-rep byte for byte at the same distances.

Launches of one report hold the same metrics, most of them numbers of a fixed size, so that where one metric starts
says where the next ones do. Nothing is guessed: a result follows a layout only where every byte of it that the
walk would read (tags, lengths, names, types) is that of the layout. What follows none is left to the walk.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roofprof.formats.protobuf import Data, FramingError, read_varint

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RUN_METRICS = 40
"""Of one layout at most: longer ones cost fewer steps, shorter ones are shared by more results."""
KEPT, NEW = 16, 8
"""Layouts of one place in the results that are kept, and that are made of the results read together."""

NAME_TAG = 1 << 3
VALUE_TAG, INSTANCE_TAG, FLAG_TAG = 2 << 3 | 2, 3 << 3 | 2, 4 << 3
TEXT, DOUBLE, INTEGER = 1 << 3 | 2, 3 << 3 | 1, 5 << 3
"""Tags of values."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Some metrics in a row. Distances are in bytes from the tag of the first."""

    names: Ints
    """Id of each metric's name."""
    values: Ints
    """Where its value message lies, length included; -1 where it has none."""
    ends: Ints
    """Where each metric ends."""
    size: int
    """Where the last metric ends."""
    places: Ints
    """Of each word that a result must share with the layout."""
    words: NDArray[np.uint64]
    masks: NDArray[np.uint64]
    """The bits of the words that count."""


class Layouts:
    """The layouts of one report, learned as it is read.

    Args:
        data: the report's bytes.
        name_count: how many strings it has.
    """

    def __init__(self, data: Data, name_count: int) -> None:
        self._data, self._name_count = data, name_count
        # Eight bytes from every byte on; a view, not a copy.
        count = max(len(data) - 7, 0)
        self._words = np.ndarray(count, "<u8", data, strides=(1,)) if count else np.empty(0, np.uint64)
        self._known: dict[tuple[int, int], list[Layout]] = {}

    def sort(self, position: Ints, end: Ints, tag: int, run: int) -> tuple[list[tuple[Layout, Ints]], Ints]:
        """Sort results by the layout of their next metrics.

        Args:
            position: where the next metric of each result starts.
            end: where each result ends.
            tag: the byte that starts a metric in them.
            run: how many runs of metrics lie in front of these: the same ones tend to come next.

        Returns:
            Each layout with the places of the results that follow it, and the places of the rest.
        """
        rest = np.arange(len(position))
        found: list[tuple[Layout, Ints]] = []
        untried = list(self._known.get((tag, run), ()))
        new = 0
        while len(rest):
            if untried:
                layout: Layout | None = untried.pop(0)
            else:
                new += 1
                first = int(rest[0])
                layout = self._learn(int(position[first]), int(end[first]), tag) if new <= NEW else None
            if layout is None:
                break
            fits = self._fits(layout, position[rest], end[rest])
            if fits.any():
                found.append((layout, rest[fits]))
                rest = rest[~fits]
        found.sort(key=lambda pair: -len(pair[1]))
        shared = [layout for layout, results in found if len(results) > 1]
        self._known[tag, run] = (shared + untried)[:KEPT]
        return found, rest

    def _fits(self, layout: Layout, position: Ints, end: Ints) -> Bools:
        """Which results follow a layout from these positions on."""
        last = len(self._words) - int(layout.places[-1])
        fits = (position < last) & (position + layout.size <= end)
        inside = position if fits.all() else position[fits]
        found = self._words[inside[:, None] + layout.places]
        found ^= layout.words
        found &= layout.masks
        fits[fits] = np.bitwise_or.reduce(found, axis=1) == 0
        return fits

    def _learn(self, start: int, end: int, tag: int) -> Layout | None:
        """The layout of the metrics from a position on; None where one of them is not as it should be."""
        names: list[int] = []
        values: list[int] = []
        ends: list[int] = []
        words: list[tuple[int, int, int]] = []
        position = start
        try:
            while len(names) < RUN_METRICS and position < end and self._data[position] == tag:
                name, value, checked, stop = self._metric(position, end)
                names.append(name)
                values.append(value - start if value >= 0 else -1)
                for place in range(position, checked, 8):
                    part = self._data[place : min(place + 8, checked)]
                    words.append((place - start, int.from_bytes(part, "little"), (1 << 8 * len(part)) - 1))
                ends.append(stop - start)
                position = stop
        except FramingError:
            return None
        table = np.array(words, np.uint64)
        places = table[:, 0].astype(np.int64)
        return Layout(
            np.array(names), np.array(values), np.array(ends), position - start, places, table[:, 1], table[:, 2]
        )

    def _metric(self, position: int, end: int) -> tuple[int, int, int, int]:
        """Of the metric at a position its name, where its value lies, and the ends of what was read and of it.

        Raises:
            FramingError: the walk would refuse it.
        """
        data = self._data
        size, body = read_varint(data, position + 1, end)
        stop = body + size
        if stop > end or not size or data[body] != NAME_TAG:
            raise FramingError("not a metric")
        name, place = read_varint(data, body + 1, stop)
        if name >= self._name_count:
            raise FramingError("no name")
        if place == stop:
            return name, -1, place, stop
        tag = data[place]
        if tag in (INSTANCE_TAG, FLAG_TAG):
            return name, -1, place + 1, stop
        length, content = read_varint(data, place + 1, stop)
        if tag != VALUE_TAG or length < 2 or content + length > stop:
            raise FramingError("not a value")
        kind = data[content]
        if kind not in (TEXT, DOUBLE, INTEGER) or (kind == DOUBLE and length != 9):
            raise FramingError("not a value of a known type")
        return name, place + 1, content + 1, stop
