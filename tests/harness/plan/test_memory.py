"""Estimates of memory, and the refusals that follow."""

import pytest

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import RECIPES, LayerCase
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.inputs.rotation import Rotated, copies_needed
from roofprof.harness.plan.choose import plan_case
from roofprof.harness.plan.memory import estimate_bytes, require_memory

H100_L2 = 50 << 20


def estimate(machine, case, l2_bytes=H100_L2, steps=4):
    return estimate_bytes(plan_case(case, machine, {}), expected_counts(case, 256), l2_bytes, steps)


def test_an_80_gb_gpu_holds_batch_128_in_fp8(make_machine):
    size = estimate(make_machine((9, 0)), LayerCase("decode", 128, 4096, RECIPES["fp8"]))
    assert 14e9 < size < 30e9


def test_bf16_experts_are_counted_whole_at_batch_1(make_machine):
    size = estimate(make_machine((9, 0)), LayerCase("decode", 1, 4096, RECIPES["bf16"]))
    experts = 256 * 3 * 2048 * 7168 * 2
    assert experts < size < experts + 12e9


def test_what_does_not_fit_is_refused_with_remedies():
    with pytest.raises(RoofprofError, match=r"decode 128x4096 needs about 90\.0 GB and 80\.0 GB are free") as refusal:
        require_memory("decode 128x4096", LayerCase(), int(90e9), int(80e9))
    hint = refusal.value.hint or ""
    assert all(option in hint for option in ("--batch", "--tp", "--experts", "--ep"))
    require_memory("decode", LayerCase(), int(90e9), None)
    require_memory("decode", LayerCase(), int(80e9), int(80e9))


@pytest.mark.parametrize(
    ("copy_bytes", "steps", "copies"),
    [(117e6, 100, 1), (30e6, 100, 6), (40e6, 100, 4), (30e6, 4, 4), (1000, 4, 4), (30e6, 1, 1)],
)
def test_copies_exceed_three_l2_caches_or_are_never_read_twice(copy_bytes, steps, copies):
    assert copies_needed(copy_bytes, H100_L2, steps) == copies
    assert copies_needed(copy_bytes, 0, steps) == 1


def test_copies_are_read_in_turn():
    weights = Rotated(["a", "b", "c"])
    assert [weights.at(step) for step in range(4)] == ["a", "b", "c", "a"]
    assert weights.first == "a"
