"""`analyze` with a timeline: work and bytes from ncu, time from nsys."""

from pathlib import Path

import pytest

from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.results.report import RooflineReport

NAME = "h100-decode-b64-s4096"


@pytest.fixture(scope="module")
def joined(data: Path) -> RooflineReport:
    request = AnalyzeRequest([data / f"{NAME}.ncu-rep"], ops=NAME, timeline=[data / f"{NAME}.sqlite"])
    return analyze_files(request)


def test_every_launch_is_matched(joined: RooflineReport) -> None:
    (join,) = joined.joins
    assert (join["matched_count"], join["unmatched"]) == (85, [])
    assert join["median_offset_ns"] == pytest.approx(1824, abs=1)


def test_rates_use_nsys_time_and_say_so(joined: RooflineReport, decode: RooflineReport) -> None:
    alone = {op.nvtx_path[-1]: op for op in decode.ops}
    for op in joined.ops:
        before = alone[op.nvtx_path[-1]]
        assert op.time_source == "nsys"
        assert op.duration_ns == before.duration_ns
        assert op.measured_on.achieved_flop_per_s == pytest.approx((op.flop_count or 0) / op.nsys_union_ns * 1e9)  # type: ignore[operator]
        assert op.measured_on.roof_fraction_at_clock == before.measured_on.roof_fraction_at_clock
        assert (op.dram_bytes, op.arithmetic_intensity) == (before.dram_bytes, before.arithmetic_intensity)
    assert any("nsys' time" in note for note in joined.notes)


def test_findings_of_the_join_stand_with_their_ops(joined: RooflineReport) -> None:
    apart = [f for f in joined.findings if f.kind == "ncu-nsys-time"]
    assert len(apart) == 12
    assert {f.op for f in apart} <= {op.op for op in joined.ops}
    assert apart == [f for op in joined.ops for f in op.findings if f.kind == "ncu-nsys-time"]
    for op in joined.ops:
        assert {f.launch_id for f in op.findings if f.kind == "ncu-nsys-time"} <= set(op.kernels)


def test_findings_of_the_trace_name_the_report(joined: RooflineReport) -> None:
    assert {f.report for f in joined.findings} == {f"{NAME}.ncu-rep"}


def test_shares_are_of_the_profiled_layer(joined: RooflineReport) -> None:
    assert sum(op.share or 0 for op in joined.ops) == pytest.approx(1)


def test_headroom_is_what_the_roof_would_save(joined: RooflineReport) -> None:
    op = max(joined.ops, key=lambda op: op.headroom_ns or 0)
    assert op.op == "moe_gate_up"
    assert op.headroom_ns == pytest.approx(op.nsys_union_ns * (1 - op.measured_on.roof_fraction_measured))  # type: ignore[operator]
