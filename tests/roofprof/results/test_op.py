"""One op's row: what follows from its figures."""

import json
from dataclasses import replace

import pytest

from roofprof.document.bottlenecks import bottlenecks
from roofprof.document.cases import cases_of
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport


def at_roof_fraction(op: OpResult, fraction: float | None) -> OpResult:
    return replace(op, measured_on=replace(op.measured_on, roof_fraction=fraction, roof_fraction_measured=None))


@pytest.mark.parametrize(("fraction", "left"), [(0.25, 0.75), (1.0, 0.0), (1.4, 0.0), (None, None)])
def test_headroom_is_what_the_roof_would_save_and_never_negative(
    decode: RooflineReport, fraction: float | None, left: float | None
) -> None:
    op = at_roof_fraction(decode.ops[0], fraction)
    assert op.duration_ns is not None
    assert op.headroom_ns == (None if left is None else pytest.approx(left * op.duration_ns))


def test_an_op_above_its_roof_takes_nothing_from_what_others_would_save(decode: RooflineReport) -> None:
    op, other = decode.ops[:2]
    report = replace(decode, ops=[at_roof_fraction(op, 1.9), at_roof_fraction(other, 0.5)])
    (case,) = cases_of([report])
    assert bottlenecks(case).headroom_ns == pytest.approx((other.duration_ns or 0) / 2)
    assert [row["headroom_ns"] >= 0 for row in json.loads(report.to_json())["ops"]] == [True, True]
