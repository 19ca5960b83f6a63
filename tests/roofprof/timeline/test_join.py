"""The join of ncu's launches with nsys' kernels."""

from pathlib import Path

import polars as pl
import pytest

from roofprof.launches.attribution import attribute
from roofprof.parsers.ncu.report import read_ncu_report
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.join import join_launches
from roofprof.timeline.timeline import build_timeline


def launches(*rows: dict) -> pl.DataFrame:
    base = {"report": "r", "kernel_name": "k", "grid": [8, 1, 1], "block": [128, 1, 1], "nvtx_path": ["op"]}
    filled = [{**base, "launch_id": i, "duration_ns": 100.0, **row} for i, row in enumerate(rows)]
    for row in filled:
        row.setdefault("kernel_demangled_name", f"void {row['kernel_name']}<int>()")
        row.setdefault("op", row["nvtx_path"][-1] if row["nvtx_path"] else None)
    schema = {
        "report": pl.String,
        "launch_id": pl.Int64,
        "kernel_name": pl.String,
        "kernel_demangled_name": pl.String,
        "grid": pl.List(pl.Int64),
        "block": pl.List(pl.Int64),
        "nvtx_path": pl.List(pl.String),
        "op": pl.String,
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


def test_a_kernel_that_nsys_could_not_name_is_told_by_its_shape(export):
    lost = export.unfound()
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "gemm")
    export.launch(20, 1100, 1130, 2, lost, demangled=lost)
    export.launch(30, 1200, 1240, 3, lost, demangled=lost)
    frame = launches(*({"kernel_name": name} for name in ("gemm", "fusion", "fusion")))
    result = joined(export.write(), frame)
    assert result.matched["nsys_duration_ns"].to_list() == [10, 30, 40]
    assert result.unmatched.height == 0


def test_a_shape_of_two_functions_tells_nothing_of_a_kernel_without_a_name(export):
    lost = export.unfound()
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, lost, demangled=lost)
    export.launch(20, 1100, 1130, 2, lost, demangled=lost)
    result = joined(export.write(), launches({"kernel_name": "a"}, {"kernel_name": "b"}))
    assert result.matched.height == 0
    told = [found.finding.message for found in result.findings]
    assert told[0] == "1 of a that only ncu has: nsys ran other kernels on this path: (unnamed)"
    assert told[-1] == "2 of (unnamed) that only nsys has: ncu did not profile it"


def test_each_report_is_joined_on_its_own(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    result = joined(export.write(), launches({"report": "bytes"}, {"report": "flop"}))
    assert result.matched.select("report", "kernel_row").rows() == [("bytes", 0), ("flop", 0)]
    assert result.unmatched.height == 0


@pytest.mark.parametrize(
    ("row", "cause", "reason"),
    [
        ({"nvtx_path": None}, "no-range", "ncu profiled it outside any range"),
        ({"nvtx_path": ["gone"]}, "no-path", "nsys has no kernel on this path"),
        ({"kernel_name": "other"}, "other-kernels", "nsys ran other kernels on this path: k"),
        ({"grid": [9, 1, 1]}, "other-shape", "nsys launched it with grid 8x1x1 block 128x1x1"),
    ],
)
def test_a_launch_without_a_partner_has_the_reason(export, row: dict, cause: str, reason: str):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    result = joined(export.write(), launches(row))
    only = result.unmatched.filter(pl.col("side") == "ncu")
    assert only.select("cause", "reason").rows() == [(cause, reason)]
    assert result.median_offset_ns is None
    kinds = [] if cause == "no-range" else ["launch-unmatched"]  # outside ranges nothing is paired
    assert [f.finding.kind for f in result.findings][:1] == kinds


def test_more_launches_on_one_side(export):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1010, 1, "k")
    export.launch(20, 1100, 1110, 2, "k2")
    path = export.write()
    more = joined(path, launches({}, {}))
    assert more.unmatched.select("side", "count", "cause", "reason").rows() == [
        ("ncu", 1, "more-in-ncu", "nsys saw 1 launches of it on this path, ncu more"),
        ("nsys", 1, "not-profiled", "ncu did not profile it"),
    ]


def test_more_repeats_under_nsys_are_one_finding_whatever_their_reason_says(export):
    export.range(0, 100, "op")
    for number in range(3):
        export.launch(10 * number, 1000 + 100 * number, 1050 + 100 * number, number, "k")
    export.launch(90, 2000, 2010, 9, "other")
    result = joined(export.write(), launches({}))
    assert result.unmatched.select("cause", "count").rows() == [("more-in-nsys", 2), ("not-profiled", 1)]
    repeats, other = [f.finding for f in result.findings]
    assert (repeats.op, repeats.values["launch_count"]) == (None, 2)
    assert (other.op, other.values["cause"]) == ("op", "not-profiled")


def test_findings_name_the_op_and_not_the_range(export):
    """An ops file gives ops other names than their ranges: those are what findings must carry, with their path."""
    export.range(0, 1000, "step.gemm_bf16")
    export.launch(10, 100_000, 120_000, 1, "k")
    export.launch(20, 200_000, 220_000, 2, "k2")
    path = ["step.gemm_bf16"]
    frame = launches({"duration_ns": 90_000.0, "nvtx_path": path, "op": "q_b_proj"})
    found = joined(export.write(), frame).findings
    assert [(f.finding.kind, f.finding.op, f.path) for f in found] == [
        ("ncu-nsys-time", "q_b_proj", ("step.gemm_bf16",)),
        ("launch-unmatched", "q_b_proj", ("step.gemm_bf16",)),
    ]


def test_times_are_flagged_when_far_apart_in_both_ways(export):
    export.range(0, 1000, "op")
    for number, length in enumerate((2_000, 20_000, 20_000)):
        export.launch(10 * number, 100_000 * (number + 1), 100_000 * (number + 1) + length, number + 1, "k")
    frame = launches({"duration_ns": 4_900.0}, {"duration_ns": 25_000.0}, {"duration_ns": 27_000.0})
    result = joined(export.write(), frame)
    assert result.matched["flagged"].to_list() == [False, False, True]
    assert result.matched["overlapped"].to_list() == [False, False, False]
    assert [f.finding.kind for f in result.findings] == ["ncu-nsys-time"]


def test_kernels_that_ran_beside_others_say_so(export):
    export.range(0, 1000, "op")
    export.launch(10, 100_000, 160_000, 1, "k", stream=7)
    export.launch(20, 110_000, 170_000, 2, "k", stream=8)
    result = joined(export.write(), launches({"duration_ns": 7_000.0}, {"duration_ns": 60_000.0}))
    assert result.matched["overlapped"].to_list() == [True, True]
    assert "go by the union time" in (result.findings[0].finding.hint or "")


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
    frame = frame.with_columns(op=pl.col("nvtx_path").list.last())
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
    (op,) = [op for op in line.ops if op["op"] == "op.q_a_layernorm"]
    assert (op["launch"], op["calls"], op["nsys_duration_ns"]) == ("stream", 1, 1728.0)


def test_the_times_of_a_collective_are_never_compared(export):
    export.range(0, 1000, "op")
    export.launch(0, 100_000, 120_000, 1, "ncclDevKernel_AllReduce")
    frame = launches({"duration_ns": 9e6, "kernel_name": "ncclDevKernel_AllReduce"})
    result = joined(export.write(), frame)
    assert result.matched["flagged"].to_list() == [False]
    assert result.findings == ()
