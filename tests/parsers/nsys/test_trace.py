"""The reader: names, domains, schemas that differ, graph nodes, and what it says it could not use."""

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.frames import with_shapes


def kinds(path: Path) -> list[str]:
    return [finding.kind for finding in read_nsys_trace(path).findings]


def test_names_from_text_and_from_string_ids(export):
    export.domain(3, "roofprof")
    export.range(0, 10, "as text", domain=3)
    export.range(20, 30, None, registered="registered", domain=3)
    export.range(40, 50, None, domain=7)
    ranges = read_nsys_trace(export.write()).ranges
    assert ranges["name"].to_list() == ["as text", "registered", ""]
    assert ranges["domain"].to_list() == ["roofprof", "roofprof", "<domain 7>"]


def test_domain_ids_belong_to_a_process(export):
    export.domain(1, "roofprof", pid=100)
    export.domain(1, "CCCL", pid=200)
    export.range(0, 10, "a", pid=100, domain=1)
    export.range(0, 10, "b", pid=200, domain=1)
    export.range(0, 10, "c", pid=200, domain=0)
    assert read_nsys_trace(export.write()).ranges["domain"].to_list() == ["roofprof", "CCCL", "<default domain>"]


def test_kernels_with_names_shapes_and_launch(export):
    export.launch(10, 1000, 1100, 1, "gemm", grid=(132, 2, 1), block=(384, 1, 1))
    trace = read_nsys_trace(export.write())
    row = with_shapes(trace.kernels, trace.shapes).row(0, named=True)
    assert row["kernel_name"] == "gemm"
    assert row["kernel_demangled_name"] == "void gemm<int>()"
    assert (row["grid_x"], row["grid_y"], row["block_x"]) == (132, 2, 384)
    assert (row["launch_start_ns"], row["launch_end_ns"]) == (10, 15)
    assert row["graph_node_id"] is None


def test_nsys_string_0_is_no_kernels_name(export):
    lost = export.unfound()
    export.launch(10, 1000, 1010, 1, lost, demangled=lost)
    export.launch(20, 1100, 1110, 2, "named", demangled=lost)
    trace = read_nsys_trace(export.write())
    assert trace.kernels["kernel_name"].to_list() == [None, "named"]
    assert trace.kernels["kernel_demangled_name"].to_list() == [None, "named"]
    assert [found.message for found in trace.findings if found.kind == "name-unknown"] == [
        "1 kernels have no name in the trace's strings: they are unnamed"
    ]


def test_another_string_0_is_a_name(export):
    first = export.unfound("gemm")
    export.launch(10, 1000, 1010, 1, first, demangled=first)
    assert read_nsys_trace(export.write()).kernels["kernel_name"].to_list() == ["gemm"]


def test_memory_operations(export):
    export.api(0, 5, 1)
    export.memcpy(10, 20, 1, size=4096, kind=1)
    export.api(6, 9, 2)
    export.memset(30, 35, 2, size=8)
    frame = read_nsys_trace(export.write()).memory_operations
    assert frame.select("kind", "direction", "bytes").rows() == [
        ("memcpy", "Host-to-Device", 4096),
        ("memset", None, 8),
    ]


def test_absent_tables_and_columns_mean_no_rows_and_nulls_and_are_said(tmp_path: Path):
    path = tmp_path / "old.sqlite"
    database = sqlite3.connect(path)
    database.executescript(
        """
        CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
        INSERT INTO StringIds VALUES (1, 'void k()');
        CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER, correlationId INTEGER,
            demangledName INTEGER);
        INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5, 9, 1, 1), (10, 12, 2, 99);
        """
    )
    database.close()
    trace = read_nsys_trace(path)
    assert trace.ranges.height == trace.memory_operations.height == trace.graph_launches.height == 0
    assert trace.kernels["kernel_name"].to_list() == ["void k()", None]
    assert trace.kernels["device_id"].null_count() == 2
    findings = read_nsys_trace(path).findings
    assert {f.kind for f in findings} == {"trace-column-missing", "trace-table", "launch-unknown", "name-unknown"}
    missing = {f.values["column"] for f in findings if f.kind == "trace-column-missing"}
    assert {"globalPid", "deviceId", "shortName", "gridX", "blockZ"} <= missing
    assert "mangledName" not in missing  # no version has to write it


def test_process_is_taken_from_the_calls_where_kernels_do_not_say(export):
    export.launch(10, 1000, 1100, 1)
    path = export.write()
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN globalPid")
    database.commit()
    database.close()
    assert read_nsys_trace(path).kernels["launch_start_ns"].to_list() == [10]


def test_graph_nodes_go_back_to_their_capture_through_clones(export):
    export.node(100, 1)
    export.node(500, 11, original=1)
    export.node(600, 21, original=11)
    export.api(900, 910, 5)
    export.kernel(1000, 1100, 5, node=21)
    export.kernel(1100, 1200, 5, node=77)
    trace = read_nsys_trace(export.write())
    assert trace.kernels["node_created_ns"].to_list() == [100, None]
    assert [f.kind for f in trace.findings] == ["graph-node-unknown"]


def test_nodes_that_are_clones_of_each_other_end(export):
    export.node(100, 1, original=2)
    export.node(200, 2, original=1)
    export.launch(900, 1000, 1100, 5, node=1)
    assert read_nsys_trace(export.write()).kernels["graph_node_id"].to_list() == [1]


def test_whole_graphs_are_read_and_reported(export):
    export.api(10, 20, 1)
    export.graph_trace(100, 200, 1)
    trace = read_nsys_trace(export.write())
    assert trace.graph_launches.select("start_ns", "graph_id", "launch_start_ns").rows() == [(100, 1, 10)]
    assert [f.kind for f in trace.findings] == ["graph-traced-whole"]


def test_lost_events_are_reported(export):
    export.launch(10, 1000, 1100, 1)
    export.diagnostic("Not all NVTX events might have been collected.")
    export.diagnostic("Profiling has started.", severity=1)
    export.diagnostic("The clock source is unusual.", severity=2)
    findings = read_nsys_trace(export.write()).findings
    assert [(f.kind, str(f.severity)) for f in findings] == [
        ("dropped-events", "doubtful"),
        ("nsys-diagnostic", "info"),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Not all CUDA events might have been collected.", "dropped-events"),
        ("CUPTI lost 12 events of the OpenGL interop", "dropped-events"),
        ("Some events were dropped.", "dropped-events"),
        ("Not all OpenGL events might have been collected.", "nsys-diagnostic"),
        ("Some Vulkan events were lost", "nsys-diagnostic"),
        ("CPU IP/backtrace sampling: some samples were dropped", "nsys-diagnostic"),
        ("Not all OS runtime libraries events might have been collected.", "nsys-diagnostic"),
    ],
)
def test_only_diagnostics_about_cuda_and_nvtx_doubt_the_times(export, text: str, kind: str):
    export.launch(10, 1000, 1100, 1)
    export.diagnostic(text)
    assert [f.kind for f in read_nsys_trace(export.write()).findings] == [kind]


def test_launches_without_a_kernel_are_counted_by_process(export):
    export.call("cudaLaunchKernel_v7000")
    export.launch(10, 1000, 1100, 1)
    export.api(20, 25, 2)  # its kernel is lost
    export.api(21, 23, 2, event_class=1)  # the driver's call in it
    export.api(30, 35, 3, pid=200)
    export.call("cudaStreamSynchronize_v3020")
    export.api(40, 45, 4)
    export.call("cudaLaunchHostFunc_v10000")
    export.api(50, 55, 5)
    (finding,) = read_nsys_trace(export.write()).findings
    assert finding.kind == "launch-without-kernel"
    assert finding.values == {"count": 2, "launch_count": 3, "processes": [200]}


def test_a_call_without_a_name_is_not_said_to_be_a_launch(export):
    export.launch(10, 1000, 1100, 1)
    export.api(20, 25, 2)
    assert read_nsys_trace(export.write()).findings == ()


@pytest.mark.parametrize(
    ("table", "name", "known"),
    [
        ("NVTX_EVENTS", "NVTX_EVENTS_V2", "NVTX_EVENTS"),
        ("CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_KERNEL_V3", "CUPTI_ACTIVITY_KIND_KERNEL"),
        ("CUPTI_ACTIVITY_KIND_KERNEL", "GPU_KERNELS", "CUPTI_ACTIVITY_KIND_KERNEL"),
        ("CUPTI_ACTIVITY_KIND_RUNTIME", "CUPTI_ACTIVITY_KIND_RUNTIME_V2", "CUPTI_ACTIVITY_KIND_RUNTIME"),
    ],
)
def test_a_table_under_another_name_is_named(export, table: str, name: str, known: str):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1100, 1)
    export.api(200, 210, 2)
    export.memcpy(2000, 2100, 2)
    export.rename(table, name)
    findings = [f for f in read_nsys_trace(export.write()).findings if f.kind == "trace-table"]
    assert {"table": name, "known": known} in [f.values for f in findings]


def test_without_api_calls_the_table_is_named(export):
    export.kernel(1000, 1100, 1)
    found = {f.kind: f for f in read_nsys_trace(export.write()).findings}
    assert "CUPTI_ACTIVITY_KIND_RUNTIME" in found["trace-table"].message


def test_a_clock_that_goes_back_is_counted(export):
    export.range(0, 100, "op")
    export.range(90, 10, "backwards")
    export.launch(10, 1000, 900, 1)
    export.launch(20, 1000, 1100, 2)
    export.api(40, 30, 3)
    export.kernel(1200, 1300, 3)
    trace = read_nsys_trace(export.write())
    found = {f.kind: f.values for f in trace.findings}
    assert found["clock-went-back"] == {"operations": 1, "api_calls": 1}
    assert found["range-unusable"]["backwards"] == 1
    assert trace.kernels.height == 2
    assert trace.ranges["name"].to_list() == ["op"]


def test_a_parquet_directory_reads_as_the_database(export, tmp_path: Path):
    export.domain(1, "roofprof")
    export.range(0, 100, "op", domain=1)
    export.range(5, 90, None, registered="inner", domain=1)
    export.launch(10, 1000, 1100, 1)
    export.api(20, 30, 2)
    export.memcpy(1200, 1300, 2)
    database, folder = read_nsys_trace(export.write()), read_nsys_trace(export.write_parquet(tmp_path / "parquet"))
    assert database.kernels.equals(folder.kernels)
    assert database.shapes.equals(folder.shapes)
    assert database.ranges.equals(folder.ranges)
    assert database.memory_operations.equals(folder.memory_operations)


def test_unsigned_ids_in_parquet_wrap_as_in_sqlite(export, tmp_path: Path):
    export.launch(10, 1000, 1100, 1)
    folder = export.write_parquet(tmp_path / "parquet")
    file = folder / "CUPTI_ACTIVITY_KIND_KERNEL.parquet"
    frame = pl.read_parquet(file).with_columns(pl.lit(2**63 + 5, pl.UInt64).alias("graphNodeId"))
    frame.write_parquet(file)
    assert read_nsys_trace(folder).kernels["graph_node_id"].item() == -(2**63) + 5


def test_rowids_with_large_holes(export):
    for number in range(3):
        export.launch(10 * number, 1000 + 10 * number, 1005 + 10 * number, number + 1)
    path = export.write()
    database = sqlite3.connect(path)
    database.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET rowid = 4000000000000 WHERE rowid = 3")
    database.commit()
    database.close()
    assert read_nsys_trace(path).kernels["start_ns"].to_list() == [1000, 1010, 1020]


def test_text_that_is_not_utf8(export):
    export.launch(10, 1000, 1100, 1)
    export.range(0, 100, "op")
    path = export.write()
    database = sqlite3.connect(path)
    database.execute("UPDATE NVTX_EVENTS SET text = CAST(x'6f70ff' AS TEXT)")
    database.commit()
    database.close()
    assert read_nsys_trace(path).ranges["name"].to_list() == ["op\N{REPLACEMENT CHARACTER}"]


def test_integer_columns_with_some_nulls_and_other_values(export):
    for number in range(4):
        export.launch(10 * number, 1000 + 10 * number, 1005 + 10 * number, number + 1, node=number or None)
    path = export.write()
    database = sqlite3.connect(path)
    database.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET gridX = 9.0 WHERE rowid = 1")
    database.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET gridY = '5, 6' WHERE rowid = 2")
    database.commit()
    database.close()
    trace = read_nsys_trace(path)
    kernels = with_shapes(trace.kernels, trace.shapes)
    assert [f.values["column"] for f in trace.findings if f.kind == "trace-value"] == ["gridY"]
    assert kernels["graph_node_id"].to_list() == [None, 1, 2, 3]
    assert kernels["grid_x"].to_list() == [9, 8, 8, 8]
    assert kernels["grid_y"].to_list() == [1, None, 1, 1]
