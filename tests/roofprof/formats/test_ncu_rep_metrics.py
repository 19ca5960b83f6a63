"""Metrics of many results at once are those of each result alone, whether results share their layout or not."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formats import ncu_rep_layouts
from roofprof.formats.ncu_rep_metrics import MetricError, MetricReader, Metrics
from roofprof.formats.ncu_rep_results import Head, Texts, metric_value, read_metrics
from roofprof.formats.protobuf import varint

NAMES = 300
TAG = 13 << 3 | 2
HEAD = Head(None, None, "", "", None, None, 0)

integers = st.integers(0, 2**64 - 1).map(lambda number: varint(5 << 3) + varint(number))
doubles = st.floats(allow_nan=False).map(lambda number: varint(3 << 3 | 1) + struct.pack("<d", number))
texts = st.binary(max_size=200).map(lambda text: varint(1 << 3 | 2) + varint(len(text)) + b"x" * len(text))
values = st.one_of(integers, doubles, doubles, texts).map(lambda value: varint(2 << 3 | 2) + varint(len(value)) + value)
instances = st.binary(max_size=300).map(lambda text: varint(3 << 3 | 2) + varint(len(text)) + text)


@st.composite
def metrics(draw: st.DrawFn) -> bytes:
    body = varint(1 << 3) + varint(draw(st.integers(0, NAMES - 1)))
    if draw(st.integers(0, 9)):
        body += draw(values)
    body += b"".join(draw(st.lists(instances, max_size=1)))
    return varint(TAG) + varint(len(body)) + body


@st.composite
def reports(draw: st.DrawFn) -> tuple[bytes, list[int], list[int]]:
    """The bytes, and where each result starts and ends: some metrics are the same in all results, some of its own."""
    shared = draw(st.lists(metrics(), min_size=1, max_size=12))
    content, starts, ends = b"", [], []
    for _ in range(draw(st.integers(1, 12))):
        own = dict(draw(st.lists(st.tuples(st.integers(0, 11), metrics()), max_size=2)))
        result = [own.get(place, metric) for place, metric in enumerate(shared)]
        starts.append(len(content))
        content += b"".join(result[: draw(st.sampled_from([12, 12, 12, 5]))])
        ends.append(len(content))
        content += draw(st.binary(max_size=3))
    return content, starts, ends


def alone(content: bytes, start: int, end: int) -> list[float]:
    """The number under each name, read with the walk of one result."""
    found = [math.nan] * NAMES
    for name, span in read_metrics(content, "kernel", HEAD._replace(metrics=start), end):
        value = metric_value(content, span, Texts(content))
        found[name] = float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
    return found


def numbers(reader: MetricReader, walked: Metrics, results: int) -> list[list[float]]:
    return reader.numbers(walked, np.arange(NAMES, dtype=np.int32), results, NAMES).tolist()


@given(reports(), st.sampled_from([1, 3, 40]))
def test_many_results_are_read_as_each_alone(report: tuple[bytes, list[int], list[int]], run: int) -> None:
    content, starts, ends = report
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ncu_rep_layouts, "RUN_METRICS", run)
        patch.setattr("roofprof.formats.ncu_rep_metrics.RUN_METRICS", run)
        reader = MetricReader(content, NAMES)
        expected = [alone(content, start, end) for start, end in zip(starts, ends, strict=True)]
        for _ in range(2):  # with and without layouts that are known
            walked = reader.walk(np.array(starts), np.array(ends), TAG)
            assert walked.stops.tolist() == ends
            read = numbers(reader, walked, len(starts))
            assert np.array_equal(np.array(read), np.array(expected), equal_nan=True)


@given(reports(), st.data())
def test_a_changed_byte_is_damage_or_read_as_it_stands(
    report: tuple[bytes, list[int], list[int]], data: st.DataObject
) -> None:
    """A layout that is known hides nothing: as a reader that never saw the sound bytes."""
    content, starts, ends = report
    changed = bytearray(content)
    place = data.draw(st.integers(0, len(content) - 1))
    changed[place] = data.draw(st.integers(0, 255))
    reader = MetricReader(changed, NAMES)
    changed[place], kept = content[place], changed[place]
    reader.walk(np.array(starts), np.array(ends), TAG)
    changed[place] = kept
    outcomes = []
    for one in (reader, MetricReader(bytes(changed), NAMES)):
        try:
            walked = one.walk(np.array(starts), np.array(ends), TAG)
            outcomes.append((walked.stops.tolist(), repr(numbers(one, walked, len(starts)))))
        except MetricError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]
