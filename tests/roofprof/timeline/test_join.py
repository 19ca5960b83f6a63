"""The join of ncu's launches with nsys' kernels."""

from pathlib import Path

import polars as pl
import pytest

from roofprof.launches.attribution import attribute
from roofprof.parsers.ncu.report import read_ncu_report
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.join import join_launches, op_times
from roofprof.timeline.timeline import build_timeline


def launches(*rows: dict) -> pl.DataFrame:
    base = {"report": "r", "kernel_name": "k", "grid": [8, 1, 1], "block": [128, 1, 1], "nvtx_path": ["op"]}
    filled = [{**base, "launch_id": i, "duration_ns": 100.0, **row} for i, row in enumerate(rows)]
    for row in filled:
        row.setdefault("kernel_demangled_name", f"void {row['kernel_name']}<int>()")
    schema = {
        "report": pl.String,
        "launch_id": pl.Int64,
        "kernel_name": pl.String,
        "kernel_demangled_name": pl.String,
        "grid": pl.List(pl.Int64),
        "block": pl.List(pl.Int64),
        "nvtx_path": pl.List(pl.String),
        "duration_ns": pl.Float64,
    }
    return pl.DataFrame(filled, schema=schema)


def joined(path: Path, frame: pl.DataFrame):
    trace = read_nsys_trace(path)
    return join_launches(frame, trace, build_timeline(trace))


def test_one_to_one_by_order_within_the_path(export):
    export.range(0, 100, "op")
    export.range(200, 300, "other")
    export.launch(10, 1000, 1090, 1, "k")
    export.launch(20, 1100, 1180, 2, "k")
    export.launch(210, 1200, 1270, 3, "k")
    export.launch(400, 1300, 1301, 4, "k")  # in no range: no candidate
    result = joined(export.write(), launches({}, {}, {"nvtx_path": ["other"]}))
    assert result.unmatched.height == 0
    assert result.matched.select("launch_id", "kernel_row", "ordinal", "nsys_duration_ns").rows() == [
        (0, 0, 0, 90),
        (1, 1, 1, 80),
        (2, 2, 0, 70),
    ]
    assert result.median_offset_ns == 20


def test_order_is_of_launch_and_not_of_start(export):
    export.range(0, 100, "op")
    export.launch(10, 2000, 2090, 1, "k", stream=7)
    export.launch(20, 1000, 1050, 2, "k", stream=8)
    result = joined(export.write(), launches({}, {}))
    assert result.matched["nsys_duration_ns"].to_list() == [90, 50]


def test_templates_tell_kernels_of_one_name_apart(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k", demangled="void k<float>()")
    export.launch(20, 1100, 1120, 2, "k", demangled="void k<int>()")
    frame = launches({"kernel_demangled_name": "void k<int>()"}, {"kernel_demangled_name": "void k<float>()"})
    assert joined(export.write(), frame).matched["nsys_duration_ns"].to_list() == [20, 10]


def test_templates_printed_otherwise_still_match(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k", demangled="void k<(int)1>()")
    result = joined(export.write(), launches({"kernel_demangled_name": "void k<1>()"}))
    assert (result.matched.height, result.unmatched.height) == (1, 0)


def test_each_report_is_joined_by_itself(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    result = joined(export.write(), launches({"report": "bytes"}, {"report": "flop"}))
    assert result.matched.select("report", "kernel_row").rows() == [("bytes", 0), ("flop", 0)]
    assert result.unmatched.height == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"nvtx_path": None}, "ncu profiled it outside any range"),
        ({"nvtx_path": ["gone"]}, "nsys has no kernel on this path"),
        ({"kernel_name": "other"}, "nsys ran other kernels on this path: k"),
        ({"grid": [9, 1, 1]}, "nsys launched it with grid 8x1x1 block 128x1x1"),
    ],
)
def test_a_launch_without_a_partner_has_the_reason(export, row: dict, reason: str):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    result = joined(export.write(), launches(row))
    only = result.unmatched.filter(pl.col("side") == "ncu")
    assert only["reason"].to_list() == [reason]
    assert result.median_offset_ns is None
    assert [f.kind for f in result.findings][:1] == ["launch-unmatched"]


def test_more_launches_on_one_side(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    export.launch(20, 1100, 1110, 2, "k2")
    path = export.write()
    more = joined(path, launches({}, {}))
    assert more.unmatched.select("side", "count", "reason").rows() == [
        ("ncu", 1, "nsys saw 1 launches of it on this path, ncu more"),
        ("nsys", 1, "ncu did not profile it"),
    ]


def test_times_are_flagged_when_far_apart_in_both_ways(export):
    export.range(0, 1000, "op")
    for number, length in enumerate((2_000, 20_000, 20_000)):
        export.launch(10 * number, 100_000 * (number + 1), 100_000 * (number + 1) + length, number + 1, "k")
    frame = launches({"duration_ns": 4_900.0}, {"duration_ns": 25_000.0}, {"duration_ns": 27_000.0})
    result = joined(export.write(), frame)
    assert result.matched["flagged"].to_list() == [False, False, True]
    assert result.matched["overlapped"].to_list() == [False, False, False]
    assert [f.kind for f in result.findings] == ["ncu-nsys-time"]


def test_kernels_that_ran_beside_others_say_so(export):
    export.range(0, 1000, "op")
    export.launch(10, 100_000, 160_000, 1, "k", stream=7)
    export.launch(20, 110_000, 170_000, 2, "k", stream=8)
    result = joined(export.write(), launches({"duration_ns": 7_000.0}, {"duration_ns": 60_000.0}))
    assert result.matched["overlapped"].to_list() == [True, True]
    assert "judge the op by its union" in (result.findings[0].hint or "")


def test_a_replayed_path_is_joined_where_nothing_was_launched_eagerly(export):
    export.range(0, 30, "op")
    export.node(10, 1)
    export.launch(900, 1000, 1040, 2, "k", node=1)
    assert joined(export.write(), launches({})).matched["nsys_duration_ns"].to_list() == [40]
    export.launch(15, 500, 600, 3, "k")
    assert joined(export.write(), launches({})).matched["nsys_duration_ns"].to_list() == [100]


def test_no_launches(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    result = joined(export.write(), launches())
    assert (result.matched.height, result.unmatched.height, result.median_offset_ns) == (0, 0, None)


def test_every_launch_of_the_decode_layer_is_matched(data: Path):
    """Golden: 85 launches under ncu, 15,253 kernels under nsys, most of them outside any range."""
    frame, _ = attribute(read_ncu_report(data / "h100-decode-b64-s4096.ncu-rep").launches)
    trace = read_nsys_trace(data / "h100-decode-b64-s4096.sqlite")
    line = build_timeline(trace)
    result = join_launches(frame, trace, line)
    assert result.matched.height == 85
    assert result.unmatched.height == 0
    assert result.matched["kernel_row"].n_unique() == 85
    assert all(path[0].startswith("op.") for path in result.matched["nvtx_path"].to_list())
    names = trace.kernels["kernel_demangled_name"].cast(pl.String).gather(result.matched["kernel_row"])
    assert names.to_list() == frame["kernel_demangled_name"].to_list()
    assert result.median_offset_ns == 1824
    flagged = result.matched.filter("flagged")
    assert flagged.height == 12
    assert flagged.filter("overlapped")["nvtx_path"].list.last().to_list() == [
        "op.moe_gate_up_fp8_es_grouped",
        "op.moe_down_fp8_es_grouped",
    ]
    times = op_times(line).filter(pl.col("nvtx_path").list.last() == "op.q_a_layernorm")
    assert times.select("launch", "nsys_calls", "nsys_duration_ns").rows() == [("stream", 1, 1728.0)]
