"""What Perfetto is given: every kernel and call once, no two at a time in one lane, counters where there are any."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from roofprof.cli import run
from roofprof.pipeline.timeline import TimelineRequest, read_timelines

Event = dict[str, Any]


def exported(source: Path, folder: Path) -> list[Event]:
    path = folder / "trace.json"
    assert run(["timeline", str(source), "--perfetto", str(path)]) == 0
    events: list[Event] = json.loads(path.read_text())["traceEvents"]
    return events


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
        lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for lane in lanes.values():
        assert all(end <= start + 1e-6 for (_, end), (start, _) in pairwise(lane))
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
