"""Why an op is below its roof: the finding with the most time behind it, else what the roofs say."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from roofprof.advice.facts import Reason
from roofprof.advice.reasons import AT_ROOF, reasons_of
from roofprof.findings import Finding, Severity
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

BANDWIDTH = 3.35e12


@pytest.fixture
def one(decode: RooflineReport) -> Callable[..., tuple[RooflineReport, OpResult]]:
    """An op of one kernel that takes 100 µs and reaches a part of the datasheet's DRAM roof, with findings."""

    def make(
        fraction: float, *findings: tuple[str, dict[str, object]], **changes: object
    ) -> tuple[RooflineReport, OpResult]:
        op = next(op for op in decode.ops if len(op.kernels) == 1 and op.points.on_gpu.bound == "memory")
        here = replace(
            op.measured_on,
            roof_fraction=fraction,
            roof_fraction_measured=None,
            bound="latency" if fraction < 0.6 else "memory",
            achieved_dram_bytes_per_s=fraction * BANDWIDTH,
        )
        found = [Finding(kind, Severity.INFO, "", values=values, launch_id=op.kernels[0]) for kind, values in findings]
        made = replace(op, measured_on=here, duration_ns=1e5, findings=found, **changes)
        return replace(decode, ops=[made]), made

    return make


def reason(report: RooflineReport, op: OpResult) -> Reason:
    (found,) = reasons_of(report, [op])
    return found


def test_the_finding_with_the_most_time_behind_it_is_the_reason(one) -> None:  # type: ignore[no-untyped-def]
    small = ("re-reads", {"extra_read_bytes": 0.1 * 1e-4 * BANDWIDTH})
    large = ("spills", {"stored_bytes": 0.3 * 1e-4 * BANDWIDTH, "compulsory_write_bytes": 0.0})
    for findings in ((small, large), (large, small)):
        found = reason(*one(0.4, *findings))
        assert found.kind == "spills"
        assert found.time_ns == pytest.approx(0.3e5)


@pytest.mark.parametrize("share", [0.01, 0.055])
def test_a_finding_with_little_time_behind_it_is_no_reason(one, share: float) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(0.7, ("re-reads", {"extra_read_bytes": share * 1e-4 * BANDWIDTH})))
    assert found.kind is None
    assert found.why == "memory: 2.35 of 3.35 TB/s"


@pytest.mark.parametrize("fraction", [AT_ROOF, 0.99, 1.2])
def test_at_the_roof_only_less_work_helps(one, fraction: float) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(fraction, ("re-reads", {"extra_read_bytes": 0.5 * 1e-4 * BANDWIDTH})))
    assert found.why.startswith("DRAM roof: ")
    assert found.attempt
    assert found.attempt.startswith("fewer bytes")


def test_an_idle_part_of_the_gpu_counts_by_its_time(one) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(0.2, ("partial-wave", {"filled": 0.25, "waves_per_sm": 0.25})))
    assert found.time_ns == pytest.approx(0.75e5)
    assert found.why == "blocks on 25 % of the SMs"


def test_a_small_kernel_on_few_sms_is_told_apart_from_the_op(one) -> None:  # type: ignore[no-untyped-def]
    report, op = one(0.2, ("partial-wave", {"filled": 0.25, "waves_per_sm": 0.25}))
    (launch,) = op.kernels
    other = report.kernels.filter(pl.col("launch_id") != launch)["launch_id"][0]
    times = pl.when(pl.col("launch_id") == launch).then(3e3).otherwise(7e3).alias("duration_ns")
    found = reason(replace(report, kernels=report.kernels.with_columns(times)), replace(op, kernels=[launch, other]))
    assert found.why == "3.00 µs on 25 % of SMs"
    assert found.attempt == "fuse that kernel, or give it more blocks"
    assert found.time_ns == pytest.approx(0.3 * 0.75e5)


def test_padding_costs_nothing_under_the_memory_roof(one) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(0.7, ("tile-padding", {"ratio": 8.0})))
    assert found.kind is None


def test_without_a_roof_what_is_known_is_said(one) -> None:  # type: ignore[no-untyped-def]
    report, op = one(0.5)
    unknown = replace(op, measured_on=replace(op.measured_on, roof_fraction=None))
    assert reason(report, unknown).why == "DRAM 1.68 of 3.35 TB/s; FLOPs unknown"
    nothing = replace(unknown, measured_on=replace(unknown.measured_on, achieved_dram_bytes_per_s=None))
    assert reason(report, nothing).why.startswith("no roof")


def test_every_op_of_a_layer_has_a_reason_in_a_few_words(layers: RooflineReport) -> None:
    found = reasons_of(layers, layers.ops)
    assert len(found) == len(layers.ops)
    assert all(0 < len(r.why) <= 44 for r in found)
    assert all(r.attempt is None or len(r.attempt) <= 50 for r in found)


@pytest.mark.parametrize(
    ("kind", "count", "why"),
    [
        ("conversions", 1, "1 type conversion: 30 % of µs"),
        ("conversions", 3, "3 type conversions: 30 % of µs"),
        ("split-k-reductions", 1, "1 sum of split K: 30 % of µs"),
    ],
)
def test_kernels_that_could_go_stand_for_their_share(one, kind: str, count: int, why: str) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(0.4, (kind, {"launch_count": count, "time_ns": 9e3, "share": 0.3})))
    assert (found.kind, found.why, found.time_ns) == (kind, why, pytest.approx(0.3e5))


def test_a_wide_product_stands_for_what_the_usual_type_would_save(one) -> None:  # type: ignore[no-untyped-def]
    values = {"pipe": "fp32", "usual_pipe": "tensor_bf16", "flop_count": 2e9}
    found = reason(*one(0.4, ("wide-product", values)))
    assert (found.kind, found.why) == ("wide-product", "product in fp32, most are bf16")
    assert 0.2e5 < (found.time_ns or 0.0) < 2e9 / 60e12 * 1e9
    unknown = reason(*one(0.4, ("wide-product", {**values, "usual_pipe": "tensor_fp4"})))
    assert unknown.kind is None


@pytest.mark.parametrize(("theoretical", "attempt"), [(0.2, "fewer registers"), (1.0, "more work in each block")])
def test_few_warps_are_for_want_of_room_or_of_work(one, theoretical: float, attempt: str) -> None:  # type: ignore[no-untyped-def]
    found = reason(*one(0.4, ("low-occupancy", {"achieved_occupancy": 0.1, "theoretical_occupancy": theoretical})))
    assert str(found.attempt).startswith(attempt)
