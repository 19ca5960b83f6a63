"""Traces that are too large to be read as a whole."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nsys_export import Export

from roofprof.errors import RoofprofError, UsageError
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


def test_a_capture_over_ranks_shows_the_traces_of_each(new_export: Callable[[str], Export], tmp_path: Path) -> None:
    for rank in range(3):
        (own := tmp_path / f"job/rank{rank:03d}" / "nsys").mkdir(parents=True)
        (own.parent / "manifest.json").write_text("{}")
        if rank != 1:
            trace = new_export(f"job/rank{rank:03d}/nsys/workload-eager.sqlite")
            trace.launch(0, 10, 20, 1)
            trace.write()
    names = [line.name for line in read_timelines(TimelineRequest(tmp_path / "job"))]
    assert names == ["rank000/workload-eager.sqlite", "rank002/workload-eager.sqlite"]
    for rank in (0, 2):
        (tmp_path / f"job/rank{rank:03d}/nsys/workload-eager.sqlite").unlink()
    with pytest.raises(RoofprofError, match=r"no rank of .*job has an nsys trace"):
        read_timelines(TimelineRequest(tmp_path / "job"))
