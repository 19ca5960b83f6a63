"""Opportunities and bottlenecks say what the findings say, and nobody saves less than nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.document.bottlenecks import bottlenecks
from roofprof.document.cases import cases_of
from roofprof.document.opportunities import opportunities
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown
from roofprof.results.report import RooflineReport


@pytest.fixture(scope="module")
def fp8(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


def test_launch_bound_ops_are_those_with_the_finding(fp8: RooflineReport) -> None:
    told = [int(n) for n in re.findall(r"\[(\d+) ops of short kernels\]", render_markdown([fp8]))]
    worth = []
    for case in cases_of([fp8]):
        count = sum(any(f.kind == "launch-bound" for f in op.findings) for op in case.layer)
        found = opportunities(case)
        assert len(found.launch_bound) == count
        if found.worth_telling(found.launch_bound_ns):
            worth.append(count)
    assert told == worth
    assert sum(worth) > 10


def test_fusing_saves_launches_and_each_op_once(fp8: RooflineReport) -> None:
    floor = fp8.ceilings.launch_floor_ns["graph"] if fp8.ceilings else 0.0
    for case in cases_of([fp8]):
        found = opportunities(case)
        seconds = {f.second.op for f in found.fusions}
        launches = sum(len(op.kernels) for op in case.layer if op.op in seconds)
        assert found.fusion_launch_count == launches
        assert found.fusion_ns == pytest.approx(launches * floor)
    assert opportunities(cases_of([replace(fp8, ceilings=None)])[0]).fusion_ns is None


def test_less_than_a_hundredth_of_the_layer_is_not_worth_telling(fp8: RooflineReport) -> None:
    found = opportunities(cases_of([fp8])[0])
    whole = found.case.time_ns or 0.0
    assert found.worth_telling(0.011 * whole)
    assert not found.worth_telling(0.009 * whole)
    assert not found.worth_telling(None)


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
