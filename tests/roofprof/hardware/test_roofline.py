"""The roofline, on cases worked out by hand."""

import pytest

from roofprof.hardware.roofline import LATENCY_THRESHOLD, Bound, Roofs, measured_bound, place, with_link

ROOFS = Roofs({"tensor_fp8": 2000.0, "tensor_bf16": 1000.0, "fp32": 100.0, "fp16": 200.0, "fp64": 50.0}, 10.0, 16.0)


@pytest.mark.parametrize(
    ("flops", "moved", "bound", "attainable"),
    [
        ({"tensor_bf16": 500.0}, 10.0, Bound.MEMORY, 500.0),  # AI 50 < ridge 100: 50 x 10
        ({"tensor_bf16": 5000.0}, 10.0, Bound.COMPUTE, 1000.0),
        ({"tensor_bf16": 1000.0}, 10.0, Bound.MEMORY, 1000.0),  # at the ridge itself both are the same
        ({"fp32": 1.0}, 100.0, Bound.MEMORY, 0.1),
    ],
)
def test_one_precision(flops: dict, moved: float, bound: Bound, attainable: float) -> None:
    placed = place(flops, moved, ROOFS)
    assert (placed.bound, placed.attainable_flop_per_s) == (bound, pytest.approx(attainable))


def test_the_ridge_of_one_precision_is_peak_over_bandwidth() -> None:
    assert place({"tensor_fp8": 7.0}, 1.0, ROOFS).ridge_point == pytest.approx(200)


def test_tensor_precisions_share_a_pipe_and_other_pipes_overlap() -> None:
    # tensor: 2000/2000 + 1000/1000 = 2 s; fp32 and fp16: 50/100 + 100/200 = 1 s; fp64: 25/50 = 0.5 s; memory 0.1 s
    flops = {"tensor_fp8": 2000.0, "tensor_bf16": 1000.0, "fp32": 50.0, "fp16": 100.0, "fp64": 25.0}
    placed = place(flops, 1.0, ROOFS)
    assert placed.bound_time_s == pytest.approx(2.0)
    assert placed.bound is Bound.COMPUTE
    assert placed.attainable_flop_per_s == pytest.approx(sum(flops.values()) / 2)


def test_special_functions_can_bind() -> None:
    placed = place({"fp32": 1.0}, 1.0, ROOFS, mufu_count=160.0)
    assert (placed.bound, placed.bound_time_s) == (Bound.COMPUTE, 10.0)


def test_an_op_without_flops_has_a_minimum_time() -> None:
    placed = place({"fp32": 0.0, "tensor_fp4": None}, 50.0, ROOFS)
    assert (placed.bound, placed.bound_time_s, placed.attainable_flop_per_s, placed.ridge_point) == (
        Bound.MEMORY, 5.0, 0.0, None,
    )  # fmt: skip


def test_unknown_stays_unknown() -> None:
    assert place({"fp32": 1.0}, None, ROOFS).bound is None
    nothing = place({"fp32": None}, 50.0, ROOFS)
    assert (nothing.bound, nothing.attainable_flop_per_s) == (None, None)


def test_a_peak_that_is_missing_is_named_and_not_guessed() -> None:
    placed = place({"tensor_fp4": 1.0}, 1.0, ROOFS)
    assert placed.missing_peaks == ("tensor_fp4",)
    assert placed.bound is None


def test_latency_is_less_than_the_threshold_of_either_roof() -> None:
    placed = place({"fp32": 1.0}, 10.0, ROOFS)  # at least 1 s
    assert measured_bound(placed.bound, placed.bound_time_s, 1 / (LATENCY_THRESHOLD + 0.01)) is Bound.MEMORY
    assert measured_bound(placed.bound, placed.bound_time_s, 1 / (LATENCY_THRESHOLD - 0.01)) is Bound.LATENCY


@pytest.mark.parametrize(
    ("sent", "rate", "bound", "time_s"),
    [
        (100.0, 10.0, Bound.COMMUNICATION, 10.0),
        (10.0, 10.0, Bound.COMPUTE, 5.0),
        (None, 10.0, Bound.COMPUTE, 5.0),
        (100.0, None, Bound.COMPUTE, 5.0),
        (0.0, 10.0, Bound.COMPUTE, 5.0),
    ],
)
def test_bytes_sent_are_a_roof_of_their_own(
    sent: float | None, rate: float | None, bound: Bound, time_s: float
) -> None:
    placed = with_link(place({"tensor_bf16": 5000.0}, 10.0, ROOFS), sent, rate)
    assert (placed.bound, placed.bound_time_s) == (bound, time_s)
    assert placed.attainable_flop_per_s == pytest.approx(5000.0 / time_s)
    assert measured_bound(placed.bound, placed.bound_time_s, 100 * time_s) == (
        bound if bound is Bound.COMMUNICATION else Bound.LATENCY
    )


def test_a_collective_whose_sums_nobody_counted_has_the_links_roof_alone() -> None:
    placed = with_link(place({}, None, ROOFS), 100.0, 10.0)
    assert (placed.bound, placed.bound_time_s, placed.attainable_flop_per_s) == (Bound.COMMUNICATION, 10.0, None)
