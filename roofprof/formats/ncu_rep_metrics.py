"""The metrics of many results of an .ncu-rep at once, with numpy.

Where a metric starts is known only from the length of the one before it: within a result the walk is a chain. Results
whose next metrics follow a layout that is known (`ncu_rep_layouts`) are moved on by all of it at once. The chains of
the others are independent, so step k of all of them is taken together. What was found is read in whole columns.
Imported only when a report is read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roofprof.formats.ncu_rep_layouts import (
    DOUBLE,
    FLAG_TAG,
    INSTANCE_TAG,
    INTEGER,
    NAME_TAG,
    RUN_METRICS,
    TEXT,
    VALUE_TAG,
    Ints,
    Layout,
    Layouts,
)
from roofprof.formats.protobuf import Data, FramingError

MAX_METRICS = 50_000
"""Of one result. Reports hold up to a few thousand; a damaged length must not make a walk without end."""


_NONE = np.empty(0, np.int64)


class MetricError(FramingError):
    """A metric is not as the layout says."""

    def __init__(self, result: int, message: str) -> None:
        super().__init__(message)
        self.result = result
        """Place among the results that were read together."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some metrics of results that were read together; of one result they stand in file order."""

    result: Ints
    """Place of each result, or of the result of each metric."""
    position: Ints
    """Where the layout starts in each result, or where the value message of each metric lies; -1 where it has none."""
    names: Ints
    """Id of the name of each metric."""
    ends: Ints
    """Where each metric ends; empty with a layout, which says it."""
    layout: Layout | None
    """That all the results follow; None where metric after metric was walked."""

    def wanted(self, columns: NDArray[np.int32]) -> tuple[Ints, NDArray[np.int32], Ints]:
        """Result, column and value message of each metric that has a column."""
        column = columns[self.names]
        chosen = np.flatnonzero(column >= 0)
        column = column[chosen]
        if self.layout is None:
            return self.result[chosen], column, self.position[chosen]
        values = self.layout.values[chosen]
        position = np.where(values < 0, -1, self.position[:, None] + values).ravel()
        return self.result.repeat(len(chosen)), np.tile(column, len(self.result)), position

    def spans(self, columns: NDArray[np.int32]) -> tuple[Ints, NDArray[np.int32], Ints, Ints]:
        """The same, and where each of these metrics ends."""
        result, column, value = self.wanted(columns)
        chosen = np.flatnonzero(columns[self.names] >= 0)
        if self.layout is None:
            return result, column, value, self.ends[chosen]
        return result, column, value, (self.position[:, None] + self.layout.ends[chosen]).ravel()


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of some results."""

    parts: list[Part]
    stops: Ints
    """Where the metrics of each result end."""
    fingerprint: NDArray[np.uint64]
    """Of each result: equal for results that hold the same metrics in the same numbers."""


class MetricReader:
    """Walks and reads the metrics of one report.

    Args:
        data: the report's bytes.
        name_count: how many strings it has.
    """

    def __init__(self, data: Data, name_count: int) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        self._windows = np.lib.stride_tricks.as_strided(
            self._bytes, (max(len(self._bytes) - 7, 0), 8), (1, 1), writeable=False
        )
        self._name_count = name_count
        self._layouts = Layouts(data, name_count)
        mixed = np.arange(1, max(name_count, 1) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
        self._hashes = mixed ^ (mixed >> np.uint64(27))

    def walk(self, starts: Ints, ends: Ints, tag: int) -> Metrics:
        """Find every metric of some results.

        Args:
            starts: where the first metric of each result starts.
            ends: where each result ends.
            tag: the byte that starts a metric in them.

        Raises:
            MetricError: a metric runs past its result, or has no name in the report's strings, or no value.
        """
        where, position, fingerprint = np.arange(len(starts)), starts.copy(), np.zeros(len(starts), np.uint64)
        parts: list[Part] = []
        run = 0
        while True:
            at = position[where]
            where = where[(self._take(at) == tag) & (at < ends[where])]
            if not len(where):
                return Metrics(parts, position, fingerprint)
            if run * RUN_METRICS >= MAX_METRICS:
                raise MetricError(int(where[0]), f"over {MAX_METRICS} metrics")
            found, rest = self._layouts.sort(position[where], ends[where], tag, run)
            for layout, places in found:
                results = where[places]
                parts.append(Part(results, position[results], layout.names, _NONE, layout))
                position[results] += layout.size
                fingerprint[results] += self._hashes[layout.names].sum()
            if len(rest):
                parts.append(self._walk_on(where[rest], position, ends, tag))
                np.add.at(fingerprint, parts[-1].result, self._hashes[parts[-1].names])
            run += 1

    def _walk_on(self, where: Ints, positions: Ints, ends: Ints, tag: int) -> Part:
        """As many metrics of some results as a layout holds, step by step; their positions are moved on."""
        position, end = positions[where], ends[where]
        steps: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
        while len(where) and len(steps) < RUN_METRICS:
            position, name, value = self._short_step(position) or self._step(position, where)
            steps.append((where, name, value, position, end))
            positions[where] = position
            live = (self._take(position) == tag) & (position < end)
            where, position, end = where[live], position[live], end[live]
        result, name, value, stop, end = (np.concatenate(parts) for parts in zip(*steps, strict=True))
        _check(stop <= end, result, "a metric runs past its result")
        _check(value <= stop, result, "the name of a metric runs past it")
        _check(name < self._name_count, result, "a metric is named by a string that the report lacks")
        return Part(result, self._values(result, value, stop), name, stop, None)

    def _short_step(self, position: Ints) -> tuple[Ints, Ints, Ints] | None:
        """One metric of each result, from the eight bytes that it starts with: its end, its name, what follows that.

        None where one of them needs more: a length or an id of over two bytes, or the end of the file.
        """
        if len(self._bytes) < 8 or int(position.max()) > len(self._bytes) - 8:
            return None
        word = self._windows[position].view("<u8")[:, 0]
        two = (word & 0x8000) != 0
        size = (word >> 8) & 0x7F
        if two.any():
            size |= np.where(two, (word >> 9) & 0x3F80, 0)
            if (two & ((word & 0x800000) != 0)).any():
                return None
        word >>= np.where(two, 24, 16).astype(np.uint64)
        long = (word & 0x8000) != 0
        name = ((word >> 8) & 0x7F) | np.where(long, (word >> 9) & 0x3F80, 0)
        if ((word & 0xFF) != NAME_TAG).any() or (long & ((word & 0x800000) != 0)).any():
            return None
        body = position + 2 + two
        return body + size.astype(np.int64), name.astype(np.int64), body + 2 + long

    def _step(self, position: Ints, where: Ints) -> tuple[Ints, Ints, Ints]:
        """As `_short_step`, for metrics of any length."""
        metric = "a metric"
        size, body = self._varints(position + 1, where, metric)
        _check(self._take(body) == NAME_TAG, where, f"{metric} has no name")
        name, value = self._varints(body + 1, where, metric)
        return body + size, name, value

    def _values(self, result: Ints, position: Ints, end: Ints) -> Ints:
        """Where the value of each metric lies, or -1; what follows a name must be a value, an instance or a flag."""
        inside = position < end
        tag, length, kind = (self._take(position + place) for place in range(3))
        has = inside & (tag == VALUE_TAG)
        _check(has | ~inside | (tag == INSTANCE_TAG) | (tag == FLAG_TAG), result, "a name is followed by another field")
        double, text = kind == DOUBLE, (kind == INTEGER) | (kind == TEXT)
        short = ((double & (length == 9)) | (text & (length > 1) & (length < 0x80))) & (position + 2 + length <= end)
        rest = np.flatnonzero(has & ~short)
        if len(rest):
            self._long_values(result[rest], position[rest], end[rest])
        return np.where(has, position + 1, -1)

    def _long_values(self, result: Ints, position: Ints, end: Ints) -> None:
        """Texts of over 127 bytes; all else that is no value is damage."""
        length, body = self._varints(position + 1, result, "the value of a metric")
        _check(body + length <= end, result, "a value runs past its metric")
        kind = self._take(body)
        _check(
            (length > 0) & ((kind == DOUBLE) | (kind == INTEGER) | (kind == TEXT)), result, "a value of unknown type"
        )
        _check((kind != DOUBLE) | (length == 9), result, "a value of 8 bytes has another length")

    def numbers(self, metrics: Metrics, columns: NDArray[np.int32], rows: int, width: int) -> NDArray[np.float64]:
        """The values of wanted metrics: a row per result, a column per metric, NaN where there is none or it is text.

        Where a result holds a metric twice, the last one counts, as it does for ncu_report.

        Args:
            metrics: what `walk` found.
            columns: of each name id, the column, or -1 if it is not wanted.
            rows: results that were read together.
            width: columns.

        Raises:
            MetricError: an integer that does not end within its value.
        """
        found = np.full((rows, width), np.nan)
        wanted = [part.wanted(columns) for part in metrics.parts]
        if not wanted:
            return found
        row, column, value = (np.concatenate(parts) for parts in zip(*wanted, strict=True))
        held = value >= 0
        content = np.full(len(row), np.nan)
        length, body = self._varints(value[held], row[held], "the value of a metric")
        kind, position = self._take(body), body + 1
        number = np.full(len(body), np.nan)
        double = kind == DOUBLE
        eight = position[double, None] + np.arange(8)
        number[double] = self._bytes.take(eight).view("<f8")[:, 0]
        integer = kind == INTEGER
        exact, stop = self._varints(position[integer], row[held][integer], "the value of a metric", 10)
        _check(stop == (body + length)[integer], row[held][integer], "an integer has another length than its value")
        number[integer] = exact.view(np.uint64).astype(np.float64)
        content[held] = number
        found[row, column] = content
        found[~np.isfinite(found)] = np.nan
        return found

    def _take(self, position: Ints) -> NDArray[np.uint8]:
        return self._bytes.take(position, mode="clip")

    def _varints(self, position: Ints, result: Ints, what: str, longest: int = 5) -> tuple[Ints, Ints]:
        """Numbers, and the positions behind them."""
        byte = self._take(position)
        value = (byte & 0x7F).astype(np.int64)
        more = byte > 0x7F
        position = position + 1
        shift = 7
        while more.any():
            _check(~more | (shift < 7 * longest), result, f"{what}: no number ends")
            byte = np.where(more, self._take(position), 0)
            value |= (byte & 0x7F).astype(np.int64) << shift
            position = position + more
            more = byte > 0x7F
            shift += 7
        return value, position


def _check(good: NDArray[np.bool_], result: Ints, message: str) -> None:
    if not good.all():
        raise MetricError(int(result[int(np.argmin(good))]), message)
