"""Traces that are too large to be read as a whole."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import UsageError
from roofprof.pipeline.timeline import TimelineRequest, read_timelines
from roofprof.timeline.shown.document import timeline_document


def _document(request: TimelineRequest) -> Any:
    """The document, entries that took equally long in one order: that of a large trace may be another."""
    document = json.loads(json.dumps(timeline_document(read_timelines(request))))
    for row in (*document["ops"], document["unattributed"]):
        for name in ("kernels", "memory_operations"):
            row[name].sort(key=repr)
    return document


@pytest.mark.parametrize(
    "request_of",
    [
        lambda path: TimelineRequest(path),
        lambda path: TimelineRequest(path, by="kernel", top=5),
        lambda path: TimelineRequest(path, only="gemm|norm", sort="name"),
        lambda path: TimelineRequest(path, layers="each", sort="order"),
    ],
)
def test_a_large_trace_is_shown_as_a_small_one_is(data: Path, request_of) -> None:
    request = request_of(data / "h100-decode-b64-s4096.sqlite")
    assert _document(replace(request, max_whole=0)) == _document(request)


def test_launches_of_a_large_trace_are_not_listed(data: Path) -> None:
    request = TimelineRequest(data / "h100-decode-b64-s4096.sqlite", by="launch", max_whole=0)
    with pytest.raises(UsageError, match=r"--by launch: .* has \d+ GPU operations, too many"):
        read_timelines(request)
