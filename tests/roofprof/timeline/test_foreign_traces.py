"""Traces of others, with what is right of each known: those beside the checkout."""

import re
from pathlib import Path

import pytest

from roofprof import cli
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.shown.ranking import Wanted, ranked_rows
from roofprof.timeline.timeline import Timeline, build_timeline


def screen(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert cli.run(["timeline", str(path), *options]) == 0
    return capsys.readouterr().out


@pytest.fixture
def line(shared_data: Path, request: pytest.FixtureRequest) -> Timeline:
    return build_timeline(read_nsys_trace(shared_data / "nsys-cases" / f"{request.param}.sqlite"))


def kinds(line: Timeline) -> dict[str, dict]:
    return {f.kind: dict(f.values) for f in line.findings}


@pytest.mark.parametrize("line", ["n2_overlap"], indirect=True)
def test_two_streams_count_once(line: Timeline):
    (device,) = line.devices
    assert (device["busy_ns"], device["span_ns"], device["idle_ns"]) == (3_200_000, 3_800_000, 600_000)
    assert (device["compute_ns"], device["communication_ns"], device["overlap_ns"]) == (3_200_000, 2_800_000, 2_800_000)
    assert (device["compute_only_ns"], device["communication_only_ns"]) == (400_000, 0)
    assert [op["share"] for op in line.ops] == [1.0, 0.875]


@pytest.mark.parametrize("line", ["n11_emit_nvtx", "n17_layerwise"], indirect=True)
def test_foreign_names_are_told_apart(line: Timeline):
    assert len({op["op"] for op in line.ops}) == len(line.ops)
    assert not {"aten", "{'Module'"} & {op["op"] for op in line.ops}


@pytest.mark.parametrize("line", ["n16_lost_kernels"], indirect=True)
def test_lost_kernels_are_counted(line: Timeline):
    found = kinds(line)["launch-without-kernel"]
    assert (found["count"], found["launch_count"], found["processes"]) == (8, 16, [])


@pytest.mark.parametrize("line", ["n3b_tp4_kernels_of_one"], indirect=True)
def test_kernels_of_one_rank_of_four(line: Timeline):
    found = kinds(line)["launch-without-kernel"]
    assert (found["count"], found["launch_count"], found["processes"]) == (9, 12, [101, 102, 103])


@pytest.mark.parametrize("line", ["n4_backward_startend"], indirect=True)
def test_a_range_of_another_thread_holds_for_the_process(line: Timeline):
    assert {op["op"]: op["busy_ns"] for op in line.ops} == {"forward": 30_000, "backward": 60_000}
    assert kinds(line)["range-of-other-thread"]["count"] == 1


@pytest.mark.parametrize("line", ["n1_suffix_v2"], indirect=True)
def test_the_table_that_was_not_understood_is_named(line: Timeline):
    assert kinds(line)["trace-table"]["table"] == "NVTX_EVENTS_V2"


def test_most_of_the_time_outside_ranges_is_no_hundred_percent(shared_data: Path, capsys):
    path = shared_data / "nsys-cases" / "n19_mostly_outside.sqlite"
    trace = read_nsys_trace(path)
    line = build_timeline(trace)
    (device,) = line.devices
    assert (device["in_ranges_ns"], device["busy_ns"] - device["in_ranges_ns"]) == (1000, 2_475_000)
    (ranking,) = ranked_rows(trace, line, Wanted())
    assert [(row["op"], row["kind"]) for row in ranking.rows] == [("gemm", "kernel"), ("tokenize", "op")]
    assert sum(row["share"] or 0 for row in ranking.rows) == pytest.approx(1)
    assert re.search(r"in ranges: 0\.04 %", screen(path, capsys))


def test_each_rank_has_its_own_gpu_and_communication(shared_data: Path):
    lines = [build_timeline(read_nsys_trace(shared_data / "ranks" / f"nsys.{rank}.sqlite")) for rank in range(4)]
    assert [[d["device_id"] for d in line.devices] for line in lines] == [[0], [1], [2], [3]]
    for line in lines:
        (device,) = line.devices
        alone = device["compute_only_ns"] + device["communication_only_ns"] + device["overlap_ns"]
        assert alone == device["kernel_ns"]
        assert device["communication_ns"] > 10 * device["compute_ns"]


TRACES = ["nsys-cases/*.sqlite", "ranks/*.sqlite", "serving/*/nsys/*.sqlite"]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("pattern", TRACES)
def test_every_screen_fits(shared_data: Path, pattern: str, columns: int, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    paths = sorted(shared_data.glob(pattern))
    assert paths
    for path in paths:
        lines = screen(path, capsys).splitlines()
        ruled = max(i for i, text in enumerate(lines) if "──" in text)
        legend = next(i for i, text in enumerate(lines) if text.startswith("total:"))
        assert max(map(len, lines[:legend])) <= columns, path
        assert all("%" in text for text in lines[ruled + 1 : legend - 1]), path
