"""What each device did, held against a reading of every nanosecond; and what is in no range."""

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.launches.kernel_names import is_communication_kernel
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.frames import (
    GRAPH_LAUNCH_SCHEMA,
    KERNEL_OPERATION_SCHEMA,
    MEMORY_OPERATION_SCHEMA,
    RANGE_SCHEMA,
    SHAPE_SCHEMA,
    NsysTrace,
)
from roofprof.timeline.rows import DeviceRow
from roofprof.timeline.shown.kernel_ops import kernel_labels
from roofprof.timeline.shown.ranking import Wanted, ranked_rows
from roofprof.timeline.timeline import Timeline, build_timeline

GEMM, NCCL = "void gemm<int>(float*)", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
OPERATION = st.tuples(
    st.integers(0, 60),  # start
    st.integers(0, 20),  # duration
    st.sampled_from([100, 200]),  # process
    st.sampled_from([0, 1]),  # device
    st.sampled_from([10, 30, 50]),  # time of its launch
)


def _frame(rows: list[tuple], schema: pl.Schema, **more: list) -> pl.DataFrame:
    columns = {
        "start_ns": [r[0] for r in rows],
        "end_ns": [r[0] + r[1] for r in rows],
        "global_pid": [r[2] << 24 for r in rows],
        "device_id": [r[3] for r in rows],
        "correlation_id": list(range(len(rows))),
        "launch_start_ns": [r[4] for r in rows],
        "launch_end_ns": [r[4] + 1 for r in rows],
        "launch_global_tid": [r[2] << 24 | 7 for r in rows],
        **more,
    }
    return pl.DataFrame({n: columns.get(n, [None] * len(rows)) for n in schema}, schema=schema)


def _trace(kernels: list[tuple], names: list[str], copies: list[tuple]) -> NsysTrace:
    ranges = [
        (i, "roofprof", name, "push_pop", start, start + 9, pid << 24 | 7, None)
        for i, (name, start, pid) in enumerate([("a", 8, 100), ("b", 28, 100), ("a", 8, 200)])
    ]
    return NsysTrace(
        kernels=_frame(
            kernels, KERNEL_OPERATION_SCHEMA, kernel_name=names, kernel_demangled_name=names, shape=[0] * len(kernels)
        ),
        shapes=pl.DataFrame([[1] * 6], schema=SHAPE_SCHEMA, orient="row"),
        ranges=pl.DataFrame(ranges, schema=RANGE_SCHEMA, orient="row"),
        memory_operations=_frame(
            copies, MEMORY_OPERATION_SCHEMA, kind=["memcpy"] * len(copies), bytes=[64] * len(copies)
        ),
        graph_launches=_frame([], GRAPH_LAUNCH_SCHEMA),
        findings=(),
    )


def _instants(rows: list[tuple]) -> set[int]:
    return {t for start, length, *_ in rows for t in range(start, start + length)}


@given(
    st.lists(st.tuples(OPERATION, st.sampled_from([GEMM, NCCL])), min_size=1, max_size=14),
    st.lists(OPERATION, max_size=5),
)
def test_devices_are_as_each_nanosecond_says(kernels: list[tuple[tuple, str]], copies: list[tuple]) -> None:
    trace = _trace([row for row, _ in kernels], [name for _, name in kernels], copies)
    line = build_timeline(trace)
    every = [*kernels, *((row, "") for row in copies)]
    assert [(d["process_id"], d["device_id"]) for d in line.devices] == sorted({(r[2], r[3]) for r, _ in every})
    for device in line.devices:
        here = [(r, name) for r, name in every if (r[2], r[3]) == (device["process_id"], device["device_id"])]
        busy = _instants([r for r, _ in here])
        compute, comm = (_instants([r for r, name in here if name == wanted]) for wanted in (GEMM, NCCL))
        inside = _instants([r for r, _ in here if r[4] == 10 or (r[4] == 30 and r[2] == 100)])
        span = max(r[0] + r[1] for r, _ in here) - min(r[0] for r, _ in here)
        assert (device["busy_ns"], device["span_ns"], device["idle_ns"]) == (len(busy), span, span - len(busy))
        assert (device["compute_ns"], device["communication_ns"]) == (len(compute), len(comm))
        assert device["overlap_ns"] == len(compute & comm)
        assert device["compute_only_ns"] == len(compute - comm)
        assert device["communication_only_ns"] == len(comm - compute)
        assert device["in_ranges_ns"] == len(inside)
        assert device["memory_ns"] == len(_instants([r for r, name in here if not name]))
        _check_rows(trace, line, device, here)


def _check_rows(trace: NsysTrace, line: Timeline, device: DeviceRow, here: list[tuple[tuple, str]]) -> None:
    """Ops and kernels outside ranges of one device."""
    expected: dict[str, list[tuple]] = defaultdict(list)
    for row, name in here:
        op = "a" if row[4] == 10 else "b" if row[4] == 30 and row[2] == 100 else None
        if op or name:
            expected[op or ("gemm<int>" if name == GEMM else "ncclDevKernel_AllReduce_Sum_bf16_RING_LL")].append(row)
    ranking = ranked_rows(trace, line, Wanted())[line.devices.index(device)]
    assert {row["op"]: row["total_busy_ns"] for row in ranking.rows} == {
        op: len(_instants(rows)) for op, rows in expected.items()
    }


def test_copies_by_direction_with_bytes_and_time(export):
    export.api(10, 15, 1)
    export.memcpy(1000, 1100, 1, size=1000, kind=1)
    export.api(20, 25, 2)
    export.memcpy(1050, 1250, 2, size=500, kind=2, device=1)
    export.api(30, 35, 3)
    export.memcpy(1060, 1160, 3, size=24, kind=1)
    export.api(40, 45, 4)
    export.memset(1300, 1310, 4, size=8)
    first, second = build_timeline(read_nsys_trace(export.write())).devices
    assert first["copies"] == [
        {"kind": "memcpy", "direction": "Host-to-Device", "count": 2, "bytes": 1024, "duration_ns": 200},
        {"kind": "memset", "direction": None, "count": 1, "bytes": 8, "duration_ns": 10},
    ]
    assert (first["memory_ns"], first["busy_ns"]) == (170, 170)
    assert [(c["direction"], c["bytes"]) for c in second["copies"]] == [("Device-to-Host", 500)]


def test_one_thread_that_launches_on_two_gpus_has_a_row_for_each(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1100, 1, device=0)
    export.launch(20, 1000, 1300, 2, device=1)
    line = build_timeline(read_nsys_trace(export.write()))
    rows = [(op["device_id"], op["calls"], op["busy_ns"], op["share"]) for op in line.ops]
    assert sorted(rows) == [(0, 1, 100, 1.0), (1, 1, 300, 1.0)]
    assert all(len(op["kernels"]) == 1 and op["kernels"][0]["device_id"] == op["device_id"] for op in line.ops)


def test_calls_that_run_side_by_side_share_their_time(export):
    for call in range(3):
        export.range(100 * call, 100 * call + 50, "op")
        export.launch(100 * call + 10, 1000 + call, 1100 + call, call + 1, stream=call)
    (op,) = build_timeline(read_nsys_trace(export.write())).ops
    assert (op["total_busy_ns"], op["busy_ns"], op["share"]) == (102, 100, 1.0)


def test_launches_of_a_trace(export):
    export.range(0, 50, "op")
    export.launch(10, 1000, 1100, 1, "a")
    export.launch(80, 1200, 1500, 2, "b")
    trace = read_nsys_trace(export.write())
    line = build_timeline(trace)
    (ranking,) = ranked_rows(trace, line, Wanted(by="launch", top=1))
    (row,) = ranking.rows
    assert (row["op"], row["first_start_ns"], row["calls_in_ranges"], ranking.row_count) == ("b<int>", 1200, 0, 2)
    (ranking,) = ranked_rows(trace, line, Wanted(by="launch", sort="order"))
    assert [(row["op"], row["nvtx_path"]) for row in ranking.rows] == [("a<int>", ["op"]), ("b<int>", [])]
    (ranking,) = ranked_rows(trace, line, Wanted(by="kernel", only=lambda name: name.startswith("a")))
    assert [(row["op"], row["calls_in_ranges"], row["gap_ns"]) for row in ranking.rows] == [("a<int>", 1, None)]


@pytest.mark.parametrize(
    "name",
    [
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
        "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t",
        "void deep_ep::intranode::dispatch<8, 768, 8192>(int4*, float*)",
        "void nvshmemi_transfer_rma_nbi<(threadgroup_t)2>(void*)",
        "void vllm::cross_device_reduce_2stage<__nv_bfloat16, 8>(RankData*)",
        "void tensorrt_llm::kernels::ar_fusion::allreduce_fusion_kernel_oneshot_lamport<1>(int)",
        "two_shot_all_reduce_kernel",
    ],
)
def test_kernels_that_communicate(name: str):
    assert is_communication_kernel(name)


@pytest.mark.parametrize(
    "name", ["nvjet_sm90_tst_96x128_64x6_4x2_h_bz_NNN", "void at::native::reduce_kernel<512, 1>(int)", "reduce", "accl"]
)
def test_kernels_that_do_not(name: str):
    assert not is_communication_kernel(name)


def test_labels_of_kernels_keep_what_tells_them_apart():
    names = [
        "void k<1>(int)",
        "void k<2>(int)",
        "void f(int)",
        "void f(long)",
        "(anonymous namespace)::g(int (*)(int))",
    ]
    label = kernel_labels(names)
    assert [label(name) for name in names] == [
        "k<1>", "k<2>", "void f(int)", "void f(long)", "(anonymous namespace)::g"
    ]  # fmt: skip
    assert label(None) == "(unnamed)"
