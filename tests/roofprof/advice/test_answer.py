"""The answer to a case: ranked by what is left to win, summed over one layer, never over lm_head or alternatives."""

from dataclasses import replace

import pytest

from roofprof.advice.answer import SMALL, answers_of, target_rows
from roofprof.results.report import RooflineReport


def test_rows_are_ranked_by_headroom_and_none_is_lost(layers: RooflineReport) -> None:
    for answer in answers_of(layers):
        rows = [*answer.rows, *answer.folded]
        gains = [row.op.headroom_ns or 0.0 for row in rows]
        assert gains == sorted(gains, reverse=True)
        assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    every = [row for answer in answers_of(layers) for row in (*answer.rows, *answer.folded)]
    assert {id(row.op) for row in every} == {id(op) for op in layers.ops}


def test_sums_are_of_one_layer(decode: RooflineReport) -> None:
    """The report holds several implementations of most ops, and lm_head."""
    (answer,) = answers_of(decode)
    counted = [row.op for row in (*answer.rows, *answer.folded) if row.counted]
    assert len({(op.op, *op.nvtx_path[:-1]) for op in counted}) == len(counted) < len(decode.ops)
    assert "lm_head" not in {op.op for op in counted}
    assert answer.time_ns == pytest.approx(sum(op.time_ns or 0 for op in counted))
    assert answer.headroom_ns == pytest.approx(sum(op.headroom_ns or 0 for op in counted))
    assert sum(row.share or 0 for row in (*answer.rows, *answer.folded)) == pytest.approx(1)
    assert sum(share for _, share in answer.bound_shares) == pytest.approx(1)


def test_what_is_small_together_is_folded(layers: RooflineReport) -> None:
    for answer in answers_of(layers):
        folded = sum(row.op.time_ns or 0 for row in answer.folded)
        assert answer.time_ns is not None
        assert folded < SMALL * answer.time_ns
        assert len(answer.folded) != 1


def test_top_is_a_limit(layers: RooflineReport) -> None:
    for answer in answers_of(layers, top=3):
        assert len(answer.rows) == 3


def test_an_unknown_time_is_unknown_in_sums_and_the_op_is_still_shown(layers: RooflineReport) -> None:
    first = layers.ops[0]
    report = replace(layers, ops=[replace(first, duration_ns=None, nsys_union_ns=None), *layers.ops[1:]])
    answer = next(a for a in answers_of(report) if a.case.report == first.report and a.case.phase == first.phase)
    assert answer.time_ns is None
    assert answer.unplaced >= 1
    assert any(row.op.duration_ns is None for row in (*answer.rows, *answer.folded))


def test_the_target_is_placed_by_useful_work_and_never_below_the_launch_floor(decode: RooflineReport) -> None:
    (answer,) = answers_of(decode)
    assert decode.ceilings is not None
    floor = decode.ceilings.launch_floor_ns["graph"]
    for row in target_rows(answer.case, answer.case.layer):
        formula, traffic = row.op.formula, row.op.dram_bytes
        if formula and traffic and row.attainable_flop_per_s is not None and row.bound == "memory":
            assert row.useful_intensity == pytest.approx(formula.flop_count / traffic)
            expected = formula.flop_count / traffic * decode.target.dram_bytes_per_s  # type: ignore[operator]
            assert row.attainable_flop_per_s == pytest.approx(expected)
        assert row.least_time_ns is None or row.least_time_ns >= len(row.op.kernels) * floor
