"""Verdicts by hand, and what holds of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.changes.judge import Figures, Verdict, judge, worst
from roofprof.results.op_groups import Range

figures = st.lists(st.floats(0, 1e12), min_size=1, max_size=5).map(
    lambda calls: Figures(sorted(calls)[len(calls) // 2], min(calls), max(calls))
)
thresholds = st.floats(0, 0.99)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ((100, 101), (102, 103), "inconclusive"),  # 103 / 100 is at 3 %, not under it
        ((100, 101), (102, 102.9), "within"),
        ((100, 101), (104.1, 120), "regressed"),  # 104.1 / 101 = 1.0307
        ((100, 101), (104, 120), "inconclusive"),  # 104 / 101 = 1.0297
        ((104.1, 120), (100, 101), "improved"),
        ((104, 120), (100, 101), "within"),  # what got no worse than 3 % at any pair of calls is within
        ((100, 200), (100, 200), "within"),  # the same figures, however they spread
        ((100, 200), (100, 201), "inconclusive"),
        ((0, 0), (0, 0), "within"),
        ((0, 0), (1, 1), "regressed"),
        ((1, 1), (0, 0), "improved"),
    ],
)
def test_cases_by_hand(a: tuple[float, float], b: tuple[float, float], verdict: str) -> None:
    assert judge(Figures(a[0], *a), Figures(b[0], *b), 0.03) == verdict


def test_what_a_side_does_not_know_has_no_verdict() -> None:
    known, unknown = Figures(1, 1, 1), Figures.of(None, Range(None, None))
    assert judge(known, unknown, 0.03) is judge(unknown, known, 0.03) is judge(unknown, unknown, 0.03) is None


def test_without_a_spread_the_value_stands_for_its_calls() -> None:
    assert Figures.of(5, Range(None, None)) == Figures(5, 5, 5)


@given(figures, figures, thresholds)
def test_swapped_sides_mirror_a_change(a: Figures, b: Figures, threshold: float) -> None:
    mirrored = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
    there, back = judge(a, b, threshold), judge(b, a, threshold)
    if there in mirrored or back in mirrored:
        assert back is {**mirrored, None: None}.get(there)


@given(figures, thresholds)
def test_the_same_twice_is_within(a: Figures, threshold: float) -> None:
    assert judge(a, a, threshold) is Verdict.WITHIN


@given(figures, figures, thresholds, thresholds)
def test_a_wider_threshold_finds_no_new_change(a: Figures, b: Figures, one: float, other: float) -> None:
    narrow, wide = (judge(a, b, threshold) for threshold in sorted((one, other)))
    if wide in (Verdict.REGRESSED, Verdict.IMPROVED):
        assert narrow == wide


def test_doubt_weighs_more_than_an_improvement_and_less_than_a_regression() -> None:
    within, better, doubt, worse = Verdict.WITHIN, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.REGRESSED
    assert worst([within, better, None]) is better
    assert worst([better, doubt]) is doubt
    assert worst([doubt, worse, within]) is worse
    assert worst([None, None]) is None
