"""Copies of weights that are read in turn."""

import random

import pytest

from roofprof.harness.inputs.rotation import Rotated, copies_needed

H100_L2 = 50 << 20


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


def test_what_is_read_between_two_reads_of_a_copy_does_not_fit_the_cache():
    draw = random.Random(0)
    for _ in range(500):
        l2_bytes, copy_bytes = draw.randrange(1 << 20, 200 << 20), draw.randrange(1, 400 << 20)
        copies = copies_needed(copy_bytes, l2_bytes, steps=10**9)
        others = (copies - 1) * copy_bytes
        assert others > 2 * l2_bytes or (copies == 1 and copy_bytes > l2_bytes)
