"""Causes: every op of the layer in one share, roofs by their name, latency by its reason."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.advice.answer import answers_of
from roofprof.advice.causes import CAUSES, FEW_BLOCKS, UNEVEN_WAVES, cause_of, cause_shares
from roofprof.findings import Finding, Severity
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.results.report import RooflineReport


@pytest.fixture(scope="module")
def fp8(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


def test_shares_are_the_layer(fp8: RooflineReport) -> None:
    for answer in answers_of(fp8):
        shares = cause_shares(answer)
        assert {share.cause for share in shares} <= set(CAUSES)
        assert math.fsum(share.share for share in shares) == pytest.approx(1)
        assert math.fsum(share.time_ns for share in shares) == pytest.approx(answer.time_ns)
        assert sum(len(share.rows) for share in shares) == len(answer.case.layer)
        latency = math.fsum(share.share for share in shares if share.latency)
        assert latency == pytest.approx(dict(answer.bound_shares).get("latency", 0))
        assert [s.time_ns for s in shares] == sorted((s.time_ns for s in shares), reverse=True)


@pytest.mark.parametrize(("waves", "cause"), [(0.4, FEW_BLOCKS), (1.2, UNEVEN_WAVES)])
def test_a_wave_that_is_not_full(fp8: RooflineReport, waves: float, cause: str) -> None:
    row = next(r for a in answers_of(fp8) for r in a.rows if r.reason.kind == "partial-wave")
    finding = Finding("partial-wave", Severity.INFO, "", values={"waves_per_sm": waves, "filled": 0.4})
    op = replace(row.op, findings=[finding])
    assert cause_of(replace(op, measured_on=replace(op.measured_on, bound="latency")), row.reason) == cause
    assert cause_of(replace(op, measured_on=replace(op.measured_on, bound="memory")), row.reason) == "memory-bound"
    assert cause_of(replace(op, measured_on=replace(op.measured_on, bound=None)), row.reason) == "unknown"
