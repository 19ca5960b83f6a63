"""The timeline: hand-computed times, shares and gaps of ops."""

from pathlib import Path

import pytest

from roofprof.errors import ReportError, UsageError
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.shown.document import RankedTimeline, timeline_document
from roofprof.timeline.shown.ranking import SORTS, Wanted, ranked_rows, sorted_ops
from roofprof.timeline.timeline import Timeline, build_timeline


def timeline(path: Path, domain: str | None = None) -> Timeline:
    return build_timeline(read_nsys_trace(path), domain)


def ops(path: Path, domain: str | None = None) -> dict[tuple[str, ...], dict]:
    return {(*op["nvtx_path"], op["launch"]): dict(op) for op in timeline(path, domain).ops}


def test_three_times_of_overlapping_kernels_with_a_gap(export):
    export.range(0, 100, "gemm:gemm:m1:n2:k3:bf16")
    export.launch(10, 1000, 1100, 1, stream=7)
    export.launch(20, 1050, 1150, 2, stream=8)
    export.launch(30, 1200, 1230, 3)
    (op,) = timeline(export.write()).ops
    assert op["op"] == "gemm"
    assert op["nvtx_path"] == ["gemm:gemm:m1:n2:k3:bf16"]
    assert (op["nsys_duration_ns"], op["nsys_union_ns"], op["nsys_projected_ns"]) == (230, 180, 230)
    assert (op["gap_ns"], op["share"], op["calls"]) == (50, 1.0, 1)


def test_each_time_is_the_median_over_calls(export):
    for call, length in enumerate((10, 30, 20)):
        export.range(100 * call, 100 * call + 50, "op")
        export.launch(100 * call + 10, 1000 + 100 * call, 1000 + 100 * call + length, call + 1)
    (op,) = timeline(export.write()).ops
    assert (op["calls"], op["nsys_duration_ns"], op["spread"]["busy_ns"]) == (3, 20, [10, 30])
    assert [k["launch_count"] for k in op["kernels"]] == [3]
    assert (op["kernels"][0]["total_ns"], op["kernels"][0]["mean_ns"]) == (60, 20)


def test_shares_are_of_all_ops_and_follow_the_calls(export):
    for call in range(3):
        export.range(100 * call, 100 * call + 50, "often")
        export.launch(100 * call + 10, 1000 + 100 * call, 1020 + 100 * call, call + 1)
    export.range(400, 450, "once")
    export.launch(410, 2000, 2040, 9)
    found = ops(export.write())
    assert found["often", "stream"]["share"] == pytest.approx(0.6)
    assert found["once", "stream"]["share"] == pytest.approx(0.4)


def test_an_operation_belongs_to_the_innermost_range_of_the_domain(export):
    export.domain(1, "roofprof")
    export.range(0, 200, "decode:case:b64:s4096", domain=1)
    export.range(10, 100, "q_b_proj", domain=1)
    export.range(20, 90, "library")  # of the default domain
    export.launch(30, 1000, 1100, 1)
    export.launch(150, 1200, 1300, 2)
    found = ops(export.write())
    assert set(found) == {("decode:case:b64:s4096", "q_b_proj", "stream"), ("decode:case:b64:s4096", "stream")}
    outer = found["decode:case:b64:s4096", "stream"]
    assert outer["nsys_duration_ns"] == 100
    assert outer["nsys_projected_ns"] == 300  # as nsys stats has it: nested ranges included
    assert outer["gap_ns"] == 100


def test_memory_operations_are_apart_from_kernels_and_in_the_span(export):
    export.range(0, 100, "kv_write")
    export.launch(10, 1000, 1100, 1)
    export.api(20, 25, 2)
    export.memcpy(1100, 1180, 2, size=512)
    export.range(200, 300, "copy_alone")
    export.api(210, 220, 3)
    export.memset(2000, 2010, 3)
    found = ops(export.write())
    both = found["kv_write", "stream"]
    assert (both["nsys_duration_ns"], both["nsys_union_ns"], both["nsys_projected_ns"]) == (100, 100, 180)
    assert (both["memory_duration_ns"], both["busy_ns"], both["gap_ns"]) == (80, 180, 0)
    assert both["memory_operations"][0]["bytes"] == 512
    alone = found["copy_alone", "stream"]
    assert (alone["nsys_duration_ns"], alone["nsys_projected_ns"], alone["kernels"]) == (0, 10, [])
    assert both["share"] + alone["share"] == pytest.approx(1)


def test_what_lies_in_no_range(export):
    export.range(0, 50, "op")
    export.launch(10, 1000, 1100, 1)
    export.launch(80, 1200, 1230, 2, "setup")
    export.api(90, 95, 3)
    export.memcpy(1300, 1304, 3)
    line = timeline(export.write())
    outside = line.unattributed
    assert (outside["launch_count"], outside["duration_ns"]) == (1, 30)
    assert (outside["memory_operation_count"], outside["memory_duration_ns"]) == (1, 4)
    assert outside["kernels"][0]["kernel_name"] == "setup"
    assert line.kernels["path"].to_list() == [0, None]


def test_idle_time_is_launch_bound_where_the_call_came_late(export):
    export.range(0, 100, "a")
    export.launch(10, 1000, 1100, 1)
    export.range(200, 3000, "b")
    export.launch(210, 1150, 1200, 2)  # called long before the GPU ran dry: its own latency
    export.launch(2000, 2010, 2100, 3)  # called after it ran dry
    found = ops(export.write())
    b = found["b", "stream"]
    assert (b["gap_before_ns"], b["gap_ns"], b["launch_bound_ns"]) == (50, 810, 810)
    assert (b["nsys_duration_ns"], b["nsys_union_ns"]) == (140, 140)
    assert found["a", "stream"]["gap_before_ns"] == 0


def test_replayed_graph_nodes_belong_to_the_op_that_was_captured(export):
    export.range(0, 30, "q_b_proj")
    export.node(10, 1)
    export.node(15, 2)
    export.range(40, 60, "o_proj")
    export.node(50, 3)
    for node in (1, 2, 3):
        export.node(100, node + 10, original=node)
    for replay in range(3):
        call = 1000 * (replay + 1)
        export.range(call, call + 50, "replay")
        export.api(call + 5, call + 45, replay + 1)
        export.kernel(call + 100, call + 110, replay + 1, "a", node=11)
        export.kernel(call + 120, call + 125 + replay, replay + 1, "b", node=12)
        export.kernel(call + 130, call + 160, replay + 1, "c", node=13)
    found = ops(export.write())
    assert set(found) == {("q_b_proj", "graph"), ("o_proj", "graph")}
    first = found["q_b_proj", "graph"]
    assert (first["calls"], first["nsys_duration_ns"], first["nsys_projected_ns"]) == (3, 16, 26)
    assert (first["gap_ns"], first["launch_bound_ns"]) == (10, 940)  # the replay was late, not the node in it
    assert found["o_proj", "graph"]["nsys_duration_ns"] == 30


def test_eager_and_replayed_calls_of_one_path_are_two_rows(export):
    export.range(0, 30, "op")
    export.launch(10, 500, 600, 1)
    export.node(12, 1)
    export.launch(900, 1000, 1040, 2, node=1)
    found = ops(export.write())
    assert found["op", "stream"]["nsys_duration_ns"] == 100
    assert found["op", "graph"]["nsys_duration_ns"] == 40


def test_a_graph_captured_before_the_trace_belongs_to_the_replay(export):
    export.range(0, 100, "replay")
    export.launch(10, 1000, 1100, 1, node=5)
    found = ops(export.write())
    assert set(found) == {("replay", "stream")}
    assert found["replay", "stream"]["nsys_duration_ns"] == 100


def test_a_graph_traced_as_a_whole_has_a_span_and_no_kernel_time(export):
    export.range(0, 100, "replay")
    export.api(10, 20, 1)
    export.graph_trace(1000, 1100, 1)
    (op,) = timeline(export.write()).ops
    assert (op["nsys_duration_ns"], op["nsys_union_ns"]) == (None, None)
    assert (op["nsys_projected_ns"], op["busy_ns"], op["share"]) == (100, 100, 1.0)


def test_start_end_ranges_count_only_without_a_push_pop_range(export):
    export.range(0, 1000, "request", kind=60)
    export.range(100, 200, "op")
    export.launch(150, 2000, 2010, 1)
    export.launch(500, 2100, 2120, 2)
    found = ops(export.write())
    assert {path[:-1] for path in found} == {("op",), ("request",)}


def test_several_libraries_domains_alone_name_no_op(export):
    export.domain(1, "CCCL")
    export.domain(2, "NCCL")
    export.range(0, 100, "DeviceScan", domain=1)
    export.range(0, 90, "ncclAllReduce", domain=2)
    export.launch(10, 1000, 1100, 1)
    found = timeline(export.write())
    assert found.domain is None
    assert not found.ops
    assert set(ops(export.write(), "NCCL")) == {("ncclAllReduce", "stream")}


def test_domains(export):
    export.domain(1, "CCCL")
    export.domain(2, "torch")
    export.range(0, 100, "a", domain=1)
    export.range(0, 90, "b", domain=2)
    export.launch(10, 1000, 1100, 1)
    path = export.write()
    with pytest.raises(UsageError, match="several NVTX domains"):
        timeline(path)
    with pytest.raises(UsageError, match="no range is in NVTX domain 'other'"):
        timeline(path, "other")
    assert set(ops(path, "torch")) == {("b", "stream")}
    export.range(0, 100, "c", domain=0)
    assert timeline(export.write()).domain == "<default domain>"
    assert timeline(export.write(), "default").domain == "<default domain>"


def test_two_processes_with_equal_correlation_ids(export):
    for pid, length in ((100, 50), (200, 70)):
        export.range(0, 100, "op", pid=pid)
        export.launch(10, 1000, 1000 + length, 1, pid=pid, device=pid // 100)
    line = timeline(export.write())
    rows = [(op["process_id"], op["device_id"], op["calls"], op["nsys_duration_ns"], op["share"]) for op in line.ops]
    assert rows == [(100, 1, 1, 50, 1.0), (200, 2, 1, 70, 1.0)]
    assert [(d["process_id"], d["device_id"], d["busy_ns"]) for d in line.devices] == [(100, 1, 50), (200, 2, 70)]
    assert [f.kind for f in line.findings] == ["several-devices"]


def test_without_ranges_all_is_unattributed_and_a_finding_says_so(export):
    export.launch(10, 1000, 1100, 1)
    line = timeline(export.write())
    assert (line.ops, line.unattributed["launch_count"]) == ((), 1)
    assert [f.kind for f in line.findings] == ["no-ranges"]


def test_ranges_without_gpu_work_are_counted(export):
    export.range(0, 50, "op")
    export.launch(10, 1000, 1100, 1)
    export.range(60, 70, "cpu_only")
    line = timeline(export.write())
    assert [(f.kind, f.values) for f in line.findings] == [("range-without-work", {"count": 1, "names": ["cpu_only"]})]


def test_a_trace_without_gpu_work_is_an_error(export):
    export.range(0, 50, "op")
    with pytest.raises(ReportError, match="holds no kernel and no memory operation"):
        timeline(export.write())


def test_an_empty_trace_says_what_nsys_says(export):
    export.range(0, 50, "op")
    export.diagnostic("Profiling has started.", severity=1)
    export.diagnostic("CUDA tracing failed: CUPTI_ERROR_INVALID_DEVICE", severity=3)
    export.diagnostic("The capture range was never entered, collection was not started.", severity=1)
    with pytest.raises(ReportError, match="CUPTI_ERROR_INVALID_DEVICE; The capture range was never entered") as error:
        timeline(export.write())
    assert "Profiling has started" not in error.value.message


def test_a_trace_whose_kernels_are_in_a_renamed_table_says_so(export):
    export.launch(10, 1000, 1100, 1)
    export.rename("CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_KERNEL_V2")
    with pytest.raises(ReportError, match="operation; the table CUPTI_ACTIVITY_KIND_KERNEL_V2 was not understood"):
        timeline(export.write())


def test_a_start_end_range_of_another_thread_is_the_last_resort(export):
    export.range(0, 1000, "request", kind=60, tid=7)
    export.range(100, 200, "own", kind=60)
    export.range(120, 140, "op")
    export.range(0, 1000, "elsewhere", kind=60, pid=200)
    for number, call in enumerate((125, 150, 500)):
        export.launch(call, 2000 + 10 * number, 2005 + 10 * number, number + 1)
    export.range(400, 700, "across", kind=60, tid=7, end_tid=8)
    line = timeline(export.write())
    assert [op["nvtx_path"] for op in line.ops] == [["op"], ["own"], ["across"]]
    (finding,) = (f for f in line.findings if f.kind == "range-of-other-thread")
    assert finding.values == {"count": 1}


def test_operations_in_ranges_of_another_domain_alone_are_counted(export):
    export.domain(1, "roofprof")
    export.domain(2, "NCCL")
    export.range(0, 50, "op", domain=1)
    export.range(20, 120, "ncclAllReduce", domain=2)
    export.launch(30, 1000, 1100, 1)
    export.launch(80, 1200, 1230, 2)
    export.launch(130, 1300, 1330, 3)
    line = timeline(export.write())
    (finding,) = (f for f in line.findings if f.kind == "range-of-other-domain")
    assert finding.values == {"count": 1, "domain": "NCCL"}
    assert "1 of 2 GPU operations" in finding.message


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("q_b_proj:gemm:m64:n24576:k1536:fp8:bf16", "q_b_proj"),
        ("decode:case:b64:s4096", "decode"),
        ("aten::mm, seq = 5, op_id = 7", "aten::mm"),
        ("{'Module': 'a.b'}", "a.b"),
        ("nccl:all_reduce", "nccl:all_reduce"),
        ("Thunk:#name=gemm.1#", "gemm.1"),
        ("other: a:b", "other: a:b"),
    ],
)
def test_names_of_other_writers_are_read_and_never_cut(name: str, op: str, export):
    export.range(0, 50, name)
    export.launch(10, 1000, 1100, 1)
    assert [row["op"] for row in timeline(export.write()).ops] == [op]


def test_the_decode_layer(data: Path):
    line = timeline(data / "h100-decode-b64-s4096.sqlite")
    found = {op["op"]: op for op in line.ops}
    assert len(line.ops) == 104
    (device,) = line.devices
    assert sum(op["total_busy_ns"] for op in line.ops) >= device["in_ranges_ns"]
    assert device["coverage"] == pytest.approx(0.0288, abs=1e-4)  # the setup of the inputs is in no range
    # Three kernels on three streams at once: the sum is more than the time they took.
    op = found["op.moe_gate_up_fp8_es_grouped"]
    assert op["nsys_duration_ns"] == 2496 + 5888 + 1300134 + 64032
    assert (op["nsys_union_ns"] or 0) < op["nsys_duration_ns"]
    assert line.unattributed["launch_count"] == 15253 - sum(k["launch_count"] for o in line.ops for k in o["kernels"])
    assert [m["kind"] for m in found["op.mla_decode_torch"]["memory_operations"]] == ["memset"]


def test_document_of_several_traces(new_export):
    lines = []
    for name in ("eager", "graph"):
        export = new_export(f"{name}.sqlite")
        export.range(0, 50, "op")
        export.launch(10, 1000, 1100, 1)
        export.launch(80, 1200, 1230, 2)
        trace = read_nsys_trace(export.write())
        line = build_timeline(trace)
        lines.append(RankedTimeline(name, line, ranked_rows(trace, line, Wanted())))
    document = timeline_document(lines)
    assert [(op["report"], op["kind"]) for op in document["ops"]] == [
        ("eager", "op"), ("eager", "kernel"), ("graph", "op"), ("graph", "kernel")
    ]  # fmt: skip
    assert [(d["report"], d["in_ranges_ns"], d["busy_ns"]) for d in document["devices"]] == [
        ("eager", 100, 130), ("graph", 100, 130)
    ]  # fmt: skip
    assert document["unattributed"]["launch_count"] == 2
    assert len(document["traces"]) == 2


def test_orders(export):
    """`b` is called first and waits longest; `a` is called twice and takes most of the time."""
    export.range(0, 20, "b")
    export.range(30, 50, "a")
    export.range(60, 80, "a")
    export.launch(5, 1000, 1010, 1)
    export.launch(10, 1200, 1210, 2)
    export.launch(35, 1300, 1400, 3)
    export.launch(65, 1500, 1600, 4)
    rows = timeline(export.write()).ops
    names = {by: "".join(op["op"] for op in sorted_ops(rows, by, None)) for by in SORTS}
    assert names == {by: "ba" if by in ("order", "gap") else "ab" for by in SORTS}
    assert [op["op"] for op in sorted_ops(rows, "calls", 1)] == ["a"]
