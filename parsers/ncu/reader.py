"""Our own reader of .ncu-rep: every launch of a report in this process, a few thousand at a time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import RESULT_KINDS, Block
from roofprof.formats.ncu_rep_file import DAMAGED_HINT, drop_pages, open_report, read_blocks
from roofprof.formats.ncu_rep_metrics import MetricError
from roofprof.formats.ncu_rep_nvtx import NvtxStates, OpenRanges
from roofprof.formats.ncu_rep_results import METRIC_FIELD, Head, Texts, metric_tag, read_head, read_tail
from roofprof.formats.ncu_rep_session import device_attributes, string_table
from roofprof.formats.protobuf import Data, FramingError
from roofprof.parsers.ncu.groups import Chunk, Groups
from roofprof.parsers.ncu.results import Progress, Results

CHUNK_LAUNCHES, CHUNK_BYTES = 2048, 16 << 20
"""At most so much is read side by side: with 400 metrics per launch about 800 launches, 60 MB of arrays."""
_NO_RANGES: list[OpenRanges] = []
OTHER_READER = "read it with NVIDIA's module: roofprof analyze --reader ncu-report"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one result lies."""

    kind: str
    start: int
    end: int
    block: int
    """Place of its block, from 0."""


@dataclass(frozen=True, slots=True)
class OwnReading:
    """What a report says, and what shows whether it is whole."""

    results: Results
    calls: list[int | None]
    """Number of the API call of each result."""
    seconds: list[int | None]
    """When each result was made, in seconds since 1970."""
    places: list[Place]
    session_devices: frozenset[str]
    """Keys of the devices that the report's session lists."""


def read_results(path: Path, progress: Progress | None = None) -> OwnReading:
    """Read every result of a report.

    Args:
        path: an .ncu-rep file.
        progress: called with (launches read, launches in all) as it goes on.

    Raises:
        ReportError: not a report, without results, of a kind that this reader does not know, or damaged: then with
            the block, the launch and what in it is not as it should be.
    """
    with _no_search_for_cycles():
        return _read_results(path, progress)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """What is read holds no cycles, but so many objects that Python's search for some takes a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read_results(path: Path, progress: Progress | None) -> OwnReading:
    data = open_report(path)
    blocks = read_blocks(data, path)
    places = list(result_places(blocks, path))
    texts = Texts(data)
    try:
        names = string_table(data, blocks, texts)
        session = device_attributes(data, blocks, texts)
    except FramingError as error:
        raise ReportError(f"{path} is damaged: {error}", DAMAGED_HINT) from None
    reader = _Reader(data, places, texts, Groups(data, names, texts, session))
    try:
        for done in reader.read():
            if progress:
                progress(done, len(places))
    except MetricError as error:
        raise damaged(path, blocks, places, error.result, error) from None
    return OwnReading(reader.results, reader.calls, reader.seconds, places, frozenset(map(str, session)))


def result_places(blocks: list[Block], path: Path) -> Iterator[Place]:
    """Where the results of a report lie, in file order.

    Raises:
        ReportError: a message is of a kind that this reader does not know.
    """
    launch = 0
    for number, block in enumerate(blocks):
        where = f"block {number} at byte {block.start}"
        for kind, start, end in block.messages:
            if kind == "other":
                raise ReportError(
                    f"{path}: {where} holds a message of a kind that roofprof does not know", OTHER_READER
                )
            if kind not in RESULT_KINDS:
                continue
            if kind not in METRIC_FIELD:
                raise ReportError(
                    f"{path}: launch {launch} ({where}) is a command list, which roofprof does not read", OTHER_READER
                )
            yield Place(kind, start, end, number)
            launch += 1


def damaged(path: Path, blocks: list[Block], places: list[Place], launch: int, error: FramingError) -> ReportError:
    """The error that names the launch and its block."""
    number = places[launch].block
    return ReportError(
        f"{path} is damaged: launch {launch} (block {number} at byte {blocks[number].start}): {error}", DAMAGED_HINT
    )


class _Reader:
    """Reads a report chunk by chunk. A `MetricError` of it carries the place of the launch in the report."""

    def __init__(self, data: Data, places: list[Place], texts: Texts, groups: Groups) -> None:
        self.results = Results(devices=groups.devices)
        self.calls: list[int | None] = []
        self.seconds: list[int | None] = []
        self._data, self._places, self._texts, self._groups = data, places, texts, groups
        self._nvtx = NvtxStates(data, texts)

    def read(self) -> Iterator[int]:
        """Read on; gives the number of launches read so far."""
        start = 0
        while start < len(self._places):
            kind = self._places[start].kind
            stop, limit = start + 1, self._places[start].start + CHUNK_BYTES
            last = min(start + CHUNK_LAUNCHES, len(self._places))
            while stop < last and self._places[stop].kind == kind and self._places[stop].end <= limit:
                stop += 1
            self._chunk(kind, start, self._places[start:stop])
            drop_pages(self._data, self._places[start].start, self._places[stop - 1].end)
            yield stop
            start = stop
        self.results.groups = self._groups.finish()

    def _chunk(self, kind: str, start: int, places: list[Place]) -> None:
        heads = [self._head(launch, place) for launch, place in enumerate(places, start)]
        ends = np.array([place.end for place in places], np.int64)
        try:
            metrics = self._groups.walk(heads, ends, metric_tag(kind))
            self._groups.add(Chunk(kind, start, heads, metrics))
        except MetricError as error:
            raise MetricError(start + error.result, str(error)) from None
        for launch, (place, position) in enumerate(zip(places, metrics.stops.tolist(), strict=True), start):
            self.results.nvtx.append(self._open_ranges(launch, place, position))

    def _head(self, launch: int, place: Place) -> Head:
        try:
            head = read_head(self._data, place.kind, (place.start, place.end), self._texts)
        except FramingError as error:
            raise MetricError(launch, str(error)) from None
        results = self.results
        results.workload.append(place.kind)
        results.process_id.append(head.process_id)
        results.function.append(head.function)
        results.demangled.append(head.demangled)
        results.grid.append(head.grid)
        results.block.append(head.block)
        self.calls.append(head.call_id)
        return head

    def _open_ranges(self, launch: int, place: Place, position: int) -> list[OpenRanges]:
        try:
            tail = read_tail(self._data, place.kind, position, place.end)
        except FramingError as error:
            raise MetricError(launch, f"behind its metrics: {error}") from None
        self.seconds.append(tail.second)
        try:
            return self._nvtx.read(tail.nvtx) if tail.nvtx else _NO_RANGES
        except FramingError as error:
            raise MetricError(launch, f"its NVTX state: {error}") from None
