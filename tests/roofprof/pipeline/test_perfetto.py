"""What Perfetto is given: every kernel and call once, no two at a time in one lane, counters where there are any."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.cli import run
from roofprof.pipeline.timeline import TimelineRequest, read_timelines
from roofprof.reports.perfetto import microseconds

Event = dict[str, Any]


def exported(source: Path, folder: Path) -> list[Event]:
    path = folder / "trace.json"
    assert run(["timeline", str(source), "--perfetto", str(path)]) == 0
    events: list[Event] = json.loads(path.read_text())["traceEvents"]
    return events


def as_perfetto_reads(microseconds: float) -> int:
    """Nanoseconds, as CoerceToTs of Perfetto's JSON importer makes them: static_cast<int64_t>(value * 1000.0)."""
    return int(microseconds * 1000.0)


@pytest.mark.parametrize("name", ["h100-fp8/nsys/decode-graph.sqlite", "h100-decode-b64-s4096.sqlite"])
def test_every_kernel_and_call_stands_once(data: Path, tmp_path: Path, name: str) -> None:
    events = exported(data / name, tmp_path)
    (line,) = read_timelines(TimelineRequest(data / name))
    slices = [event for event in events if event["ph"] == "X"]
    kernels = [event for event in slices if event["cat"] == "kernels"]
    assert len(kernels) == line.timeline.kernels.height
    assert len(slices) - len(kernels) == line.timeline.calls.height
    assert sum(event["dur"] for event in kernels) * 1e3 == pytest.approx(
        sum(device["kernel_ns"] for device in line.timeline.devices), rel=0.01
    )
    assert min(event["ts"] for event in slices) == 0
    lanes = defaultdict(list)
    for event in slices:
        start, length = (as_perfetto_reads(event[key]) for key in ("ts", "dur"))
        lanes[event["pid"], event["tid"]].append((start, start + length))
    for lane in lanes.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(lane))
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    assert named == set(lanes)


def test_a_capture_gives_its_ops_their_counters(data: Path, tmp_path: Path) -> None:
    events = exported(data / "h100-fp8", tmp_path)
    calls = [event for event in events if event["name"] == "moe_down" and event["cat"] == "ops"]
    by_case = {event["args"]["nvtx_path"][0]: event["args"] for event in calls}
    counted = by_case["decode:case:b64:s4096"]
    assert counted["ncu_arithmetic_intensity"] == counted["ncu_flop_count"] / counted["ncu_dram_bytes"]
    assert counted["ncu_cache"] == "cold"
    assert by_case["decode:case:b128:s4096"]["ncu_dram_bytes"] > counted["ncu_dram_bytes"]
    alone = exported(data / "h100-fp8/nsys/decode-eager.sqlite", tmp_path)
    assert not any("ncu_dram_bytes" in event["args"] for event in alone)


@given(st.integers(0, 2**50))
def test_no_nanosecond_is_lost_to_a_reader_who_cuts_or_rounds(ns: int) -> None:
    written = json.loads(json.dumps(microseconds(ns)))
    assert as_perfetto_reads(written) == round(written * 1000) == ns


def test_events_are_as_the_trace_event_format_says(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    assert run(["timeline", str(data / "h100-fp8"), "--perfetto", str(path)]) == 0
    document = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert document["displayTimeUnit"] in ("ms", "ns")
    for event in document["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["args"], dict)
        assert all(isinstance(event[key], int) for key in ("pid", "tid"))
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name")
            assert isinstance(event["args"]["name"], str)
        else:
            assert event["ph"] == "X"
            assert all(event[key] >= 0 for key in ("ts", "dur"))
            assert isinstance(event["cat"], str)


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("gone", "n" * 300):
        assert run(["timeline", name, "--perfetto", str(tmp_path / "trace.json")]) == 1
        assert capsys.readouterr().err.startswith(f"error: no such file: {name}")
