"""The gap between formula and measurement: its factors multiply back to it, whatever binds."""

import math
from collections.abc import Callable

import pytest

from roofprof.document.cases import cases_of
from roofprof.document.comparison import FACTORS, compare
from roofprof.formulas.layer import OpSpec
from roofprof.results.report import RooflineReport


def product(gap: object) -> float:
    return math.prod(getattr(gap, name) for name in FACTORS)


@pytest.mark.parametrize("name", ["decode", "layers"])
def test_the_waterfall_adds_up(request: pytest.FixtureRequest, name: str) -> None:
    for found in compare(cases_of([request.getfixturevalue(name)])):
        assert found.gaps
        for gap in found.gaps:
            assert gap.time_gap is not None
            assert product(gap) == pytest.approx(gap.time_gap, rel=1e-12)
            assert math.fsum(math.log(getattr(gap, f)) for f in FACTORS) == pytest.approx(
                math.log(gap.time_ns / gap.formula_time_ns),  # type: ignore[operator]
                abs=1e-9,
            )
            if gap.work_ratio and gap.byte_ratio:
                assert gap.intensity_gap == pytest.approx(gap.work_ratio / gap.byte_ratio)


def test_worst_first(decode: RooflineReport) -> None:
    (found,) = compare(cases_of([decode]))
    distances = [gap.distance for gap in found.gaps]
    assert distances == sorted(distances, reverse=True)
    assert found.gaps[0].op in ("moe_gate_up", "moe_down")
    assert len(found.gaps) + found.without_formula == len(decode.ops)


def one(made: Callable[..., RooflineReport], phase: str, **ratios: float):  # type: ignore[no-untyped-def]
    def chosen(spec: OpSpec) -> dict[str, float]:
        return ratios if spec.op == "q_b_proj" else {}

    (found,) = compare(cases_of([made([(phase, 1 if phase == "prefill" else 64, 1024)], chosen)]))
    return next(gap for gap in found.gaps if gap.op == "q_b_proj")


def test_one_roof_leaves_no_roof_change(made: Callable[..., RooflineReport]) -> None:
    memory = one(made, "decode", bytes=1.5, work=2.0, efficiency=0.5)
    assert (memory.formula_bound, memory.bound) == ("memory", "memory")
    assert [getattr(memory, f) for f in FACTORS] == pytest.approx([1, 1.5, 1, 2])
    assert memory.roof_factor == 1.0
    compute = one(made, "prefill", bytes=1.1, work=1.25, efficiency=0.8)
    assert (compute.formula_bound, compute.bound) == ("compute", "compute")
    assert [getattr(compute, f) for f in FACTORS] == pytest.approx([1.25, 1, 1, 1.25])
    assert compute.roof_factor == 1.0


def test_another_roof_is_a_term_of_its_own(made: Callable[..., RooflineReport]) -> None:
    gap = one(made, "decode", work=64.0, bytes=1.2, efficiency=1.0)
    assert (gap.formula_bound, gap.bound) == ("memory", "compute")
    assert (gap.work_factor, gap.byte_factor) == (1.0, pytest.approx(1.2))
    assert gap.roof_factor
    assert gap.roof_factor > 1
    assert product(gap) == pytest.approx(gap.time_gap)
    back = one(made, "prefill", work=1.5, bytes=100.0, efficiency=1.0)
    assert (back.formula_bound, back.bound) == ("compute", "memory")
    assert (back.work_factor, back.byte_factor) == (pytest.approx(1.5), 1.0)
    assert back.roof_factor
    assert back.roof_factor > 1
    assert product(back) == pytest.approx(back.time_gap)


def test_what_is_unknown_has_no_factors(analyzed) -> None:  # type: ignore[no-untyped-def]
    report = analyzed("kinds/time-only.ncu-rep")
    for found in compare(cases_of([report]), against_document=True):
        assert all(gap.time_gap is None for gap in found.gaps)


def test_the_documents_claims(decode: RooflineReport) -> None:
    (found,) = compare(cases_of([decode]), against_document=True)
    rows = {(row.kernel, row.label): row for row in found.document}
    row = rows["cutlass_scaled_fp4_mm", "q_b_proj (fp8 CUTLASS)"]
    op = next(op for op in decode.ops if op.label == "q_b_proj (fp8 CUTLASS)")
    assert row.claimed_intensity == 12000
    assert row.claimed_over_measured == pytest.approx(12000 / op.arithmetic_intensity)  # type: ignore[operator]
    m, n, k = 64, 24576, 1536
    assert row.document_formula_intensity == pytest.approx(2 * m * n * k / (2 * m * k + 0.5 * k * n + 2 * m * n))
    assert (row.claimed_bound, row.bound) == ("compute", "memory")
    assert all(r.document_formula_intensity is None for (kernel, _), r in rows.items() if kernel == "dsv3_fused_a_gemm")
    assert not compare(cases_of([decode]))[0].document
