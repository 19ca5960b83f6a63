"""Projection: hand-computed spans, and the answer of nsys stats' own rule on random and real traces."""

import random
from pathlib import Path

import pytest
from nvtx_projection import project_ranges

from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.frames import Operations


def projected(path: Path):
    trace = read_nsys_trace(path)
    return project_ranges(trace.ranges, Operations(trace))


def as_stats(path: Path) -> list[tuple[int, int, int, int]]:
    columns = ("range_id", "projected_start_ns", "projected_duration_ns", "launch_count")
    return sorted(projected(path).select(columns).rows())


def test_nested_ranges_and_a_kernel_outside(export, nsys_stats):
    export.range(0, 100, "layer")
    export.range(10, 40, "op_a")
    export.range(50, 90, "op_b")
    export.launch(15, 1000, 1100, 1)
    export.launch(55, 1200, 1250, 2)
    export.launch(60, 1260, 1300, 3)
    export.launch(95, 1400, 1500, 4)  # in layer alone: its call ends as layer does
    export.launch(200, 1600, 1700, 5)
    frame = projected(export.write())
    assert frame.select("name", "projected_start_ns", "projected_duration_ns", "operation_count", "level").rows() == [
        ("layer", 1000, 500, 4, 0),
        ("op_a", 1000, 100, 1, 1),
        ("op_b", 1200, 100, 2, 1),
    ]
    assert frame["parent_range_id"].to_list() == [None, 1, 1]
    assert as_stats(export.path) == nsys_stats(export.path)


def test_a_memory_copy_inside_a_range_extends_it(export, nsys_stats):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1100, 1)
    export.api(20, 30, 2)
    export.memcpy(1150, 1250, 2)
    export.api(40, 50, 3)
    export.memset(900, 950, 3)
    assert as_stats(export.write()) == [(1, 900, 350, 3)] == nsys_stats(export.path)


def test_a_call_that_outlasts_the_range_is_not_in_it(export, nsys_stats):
    export.range(0, 100, "op")
    export.api(90, 110, 1)
    export.kernel(1000, 1100, 1)
    export.kernel(1100, 1200, 1)
    export.launch(20, 500, 600, 2)
    assert as_stats(export.write()) == [(1, 500, 100, 1)] == nsys_stats(export.path)


def test_an_open_range_ends_with_the_last_event_of_any_range(export, nsys_stats):
    export.range(0, None, "open")
    export.range(50, 80, "op")
    export.launch(60, 1000, 1100, 1)
    export.launch(90, 1200, 1300, 2)  # after the last event
    path = export.write()
    assert as_stats(path) == [(1, 1000, 100, 1), (2, 1000, 100, 1)] == nsys_stats(path)
    assert [f.kind for f in read_nsys_trace(path).findings] == ["range-never-closed"]


def test_ranges_of_other_threads_and_across_threads_hold_nothing(export, nsys_stats):
    export.range(0, 100, "other", tid=102)
    export.range(0, 100, "across", kind=60, end_tid=102)
    export.range(0, 100, "mine", kind=60)
    export.launch(10, 1000, 1100, 1)
    assert as_stats(export.write()) == [(3, 1000, 100, 1)] == nsys_stats(export.path)


def test_equal_correlation_ids_of_two_processes(export, nsys_stats):
    for pid, start in ((100, 1000), (200, 5000)):
        export.range(0, 100, f"op{pid}", pid=pid)
        export.launch(10, start, start + 50, 1, pid=pid)
    assert as_stats(export.write()) == [(1, 1000, 50, 1), (2, 5000, 50, 1)] == nsys_stats(export.path)


def test_runtime_and_driver_calls_of_one_launch_count_once(export, nsys_stats):
    export.range(0, 100, "op")
    export.api(10, 40, 1, event_class=0)
    export.api(15, 35, 1, event_class=1)
    export.kernel(1000, 1100, 1)
    path = export.write()
    assert as_stats(path) == [(1, 1000, 100, 1)] == nsys_stats(path)
    assert projected(path)["operation_count"].item() == 1


def test_ranges_that_close_out_of_order(export, nsys_stats):
    export.range(0, 50, "first")
    export.range(20, 80, "second")
    for number, call in enumerate((10, 30, 60)):
        export.launch(call, 1000 + 100 * number, 1050 + 100 * number, number + 1)
    frame = projected(export.write())
    assert as_stats(export.path) == [(1, 1000, 150, 2), (2, 1100, 150, 2)] == nsys_stats(export.path)
    assert frame["parent_range_id"].to_list() == [None, None]


def test_a_graph_launch_counts_once_with_all_its_kernels(export, nsys_stats):
    export.range(0, 100, "replay")
    export.api(10, 20, 1)
    for node in range(5):
        export.kernel(1000 + 10 * node, 1008 + 10 * node, 1, node=node + 1)
    path = export.write()
    assert as_stats(path) == [(1, 1000, 48, 1)] == nsys_stats(path)
    assert projected(path)["operation_count"].item() == 5


@pytest.mark.parametrize("seed", range(12))
def test_random_traces_against_the_quadratic_join(new_export, nsys_stats, seed: int):
    pick = random.Random(seed)
    export = new_export(f"random{seed}.sqlite")
    for _ in range(pick.choice((3, 40, 150))):
        start = pick.randrange(2000)
        end = pick.choice((None, *[start + pick.randrange(600)] * 20))
        end_tid, tid = pick.choice((None, None, None, 103)), pick.choice((101, 102))
        export.range(start, end, pick.choice("abc"), kind=pick.choice((59, 60)), tid=tid, end_tid=end_tid)
    correlation = 0
    for tid in (101, 102):
        now = 0
        for _ in range(pick.choice((5, 200, 700))):
            now += pick.randrange(1, 20)
            call_end = now + pick.randrange(0, 12)
            correlation += 1
            export.api(now, call_end, correlation, tid=tid)
            if pick.random() < 0.3:
                export.api(min(now + 1, call_end), call_end, correlation, tid=tid, event_class=1)
            for _ in range(pick.choice((0, 1, 1, 1, 4))):
                start = now + pick.randrange(500)
                pick.choice((export.kernel, export.memcpy))(start, start + pick.randrange(90), correlation)
            now = call_end
    path = export.write()
    assert as_stats(path) == nsys_stats(path)


def test_the_decode_layer_against_the_quadratic_join(data: Path, nsys_stats):
    path = data / "h100-decode-b64-s4096.sqlite"
    answer = nsys_stats(path)
    assert len(answer) == 116  # 104 ops in the default domain, 12 ranges of CCCL
    assert as_stats(path) == answer
