"""Opportunities and bottlenecks say what the findings say, and nobody saves less than nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.document.bottlenecks import bottlenecks
from roofprof.document.cases import cases_of
from roofprof.document.opportunities import opportunities
from roofprof.findings import Finding, Severity
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown
from roofprof.results.report import RooflineReport


@pytest.fixture(scope="module")
def fp8(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


def test_launch_bound_ops_are_those_with_the_finding(fp8: RooflineReport) -> None:
    told = [int(n) for n in re.findall(r"\*\*Launch-bound\*\*: (\d+) ops", render_markdown([fp8]))]
    counts = []
    for case in cases_of([fp8]):
        kinds = [{f.kind for f in op.findings} for op in case.ops]
        counts.append(sum("launch-bound" in found for found in kinds))
        assert len(opportunities(case).launch_bound) == counts[-1]
    assert told == [count for count in counts if count]
    assert sum(counts) > 10


def test_low_occupancy_is_what_the_analysis_found_low(decode: RooflineReport) -> None:
    """A kernel with many waves is listed for its finding alone, whatever its occupancy beside the theoretical one."""
    (case,) = cases_of([decode])
    latency = next(op for op in case.ops if op.measured_on.bound == "latency")
    columns = {"waves_per_sm": 8.0, "achieved_occupancy": 0.3, "theoretical_occupancy": 1.0}
    kernels = decode.kernels.with_columns(**{k: decode.kernels[k] * 0 + v for k, v in columns.items()})
    quiet = replace(decode, kernels=kernels, findings=[])
    finding = Finding(
        "low-occupancy", Severity.INFO, "", op=latency.op, launch_id=latency.kernels[0], report=latency.report
    )
    assert opportunities(cases_of([quiet])[0]).occupancy == ()
    (found,) = opportunities(cases_of([replace(quiet, findings=[finding])])[0]).occupancy
    assert found.op.op == latency.op


def test_an_op_above_its_roof_takes_nothing_from_what_the_others_would_save(
    made: Callable[..., RooflineReport],
) -> None:
    report = made([("decode", 64, 4096)], lambda spec: {"efficiency": 1.5 if spec.op == "moe_down" else 0.5})
    (case,) = cases_of([report])
    above = next(op for op in case.ops if op.op == "moe_down")
    assert above.measured_on.roof_fraction == pytest.approx(1.5)
    others = sum((op.time_ns or 0) / 2 for op in case.ops if op is not above)
    assert bottlenecks(case).headroom_ns == pytest.approx(others)
    assert "-" not in {text[0] for text in re.findall(r"would save (\S+)", render_markdown([report]))}


def test_all_ops_above_their_roofs_save_nothing(made: Callable[..., RooflineReport]) -> None:
    (case,) = cases_of([made([("prefill", 1, 1024)], lambda _: {"efficiency": 1.2})])
    assert bottlenecks(case).headroom_ns == 0
