"""Why a rank came last: its GPU stood idle, or had more to do."""

from collections.abc import Sequence

import pytest

from roofprof.ranks.calls import NsysCall, OpCalls
from roofprof.ranks.clocks import align_clocks, rank_calls
from roofprof.ranks.idle import work_of_ranks
from roofprof.results.op_groups import RankCall

AHEAD = 10**9
"""Of rank 1's clock."""
TRANSFER = 100_000


def traced(*calls: Sequence[tuple[int, int, float | None]], together: bool = False) -> OpCalls:
    """Start, end and busy time of each call, of each rank."""
    op = OpCalls(collective=together, together=together)
    for rank, own in enumerate(calls):
        op.ncu_ns[rank] = [None] * len(own)
        ahead = AHEAD * rank
        op.nsys[rank] = [NsysCall(s + ahead, e + ahead, busy, busy, e - s) for s, e, busy in own]
    return op


def second_call(*others: OpCalls, starts: tuple[int, int]) -> RankCall:
    """Of a collective that both leave at 100 µs, and then at 100 µs after the later of both starts."""
    end = max(starts) + TRANSFER
    own = [[(0, TRANSFER, float(TRANSFER)), (start, end, float(end - start))] for start in starts]
    collective = traced(*own, together=True)
    ops = [collective, *others]
    return rank_calls(collective, 2, align_clocks(ops), work_of_ranks(ops))[1]


def gemms(*lasting: float | None) -> OpCalls:
    """One after the first collective on each rank."""
    return traced(*([(TRANSFER, TRANSFER + int(ns or 1), ns)] for ns in lasting))


def test_a_rank_that_launches_late_stood_idle() -> None:
    """Both work 30 µs; rank 0 begins 10 µs after that, rank 1 510 µs."""
    call = second_call(gemms(30e3, 30e3), starts=(140_000, 640_000))
    assert (call.wait_ns, call.straggler_rank, call.straggler_idle_ns) == (500e3, 1, 500e3)


def test_a_rank_with_more_to_do_did_not() -> None:
    call = second_call(gemms(30e3, 530e3), starts=(140_000, 640_000))
    assert (call.wait_ns, call.straggler_rank, call.straggler_idle_ns) == (500e3, 1, 0)


def test_idle_between_several_ops_is_added_up() -> None:
    """Of rank 1's 540 µs, two GEMMs are 30 each; 480 are gaps, 470 more than rank 0's 10."""
    second = traced([(130_000, 130_001, 0.0)], [(400_000, 430_000, 30e3)])
    call = second_call(gemms(30e3, 30e3), second, starts=(140_000, 640_000))
    assert call.straggler_idle_ns == 470e3


def test_ops_that_overlap_leave_no_less_than_no_idle_time() -> None:
    """Rank 0's two of 30 µs lie in 40 µs, rank 1's in 540."""
    second = traced([(110_000, 140_000, 30e3)], [(400_000, 430_000, 30e3)])
    call = second_call(gemms(30e3, 30e3), second, starts=(140_000, 640_000))
    assert call.straggler_idle_ns == 480e3


def test_a_collective_that_ends_where_the_next_one_begins_leaves_none() -> None:
    assert second_call(starts=(100_000, 600_000)).straggler_idle_ns == 500e3


def test_a_broadcast_is_no_meeting_of_ranks() -> None:
    """Its root is done as soon as it has sent: idle time counts from the all-reduce on."""
    broadcast = traced([(130_000, 140_000, 10e3)], [(590_000, 600_000, 10e3)])
    broadcast.collective = True
    call = second_call(broadcast, starts=(140_000, 640_000))
    assert call.straggler_idle_ns == 500e3


@pytest.mark.parametrize("busy", [(None, 30e3), (30e3, None)])
def test_unknown_work_is_no_idle_time(busy: tuple[float | None, float | None]) -> None:
    assert second_call(gemms(*busy), starts=(140_000, 640_000)).straggler_idle_ns is None


def test_before_the_first_collective_nothing_is_known_and_nobody_late_is_nobody_idle() -> None:
    late = traced([(0, 600_000, 6e5)], [(500_000, 600_000, 1e5)], together=True)
    clocks = align_clocks([late])
    (call,) = rank_calls(late, 2, clocks, work_of_ranks([late]))
    assert (call.wait_ns, call.straggler_rank, call.straggler_idle_ns) == (500e3, 1, None)
    assert second_call(gemms(30e3, 30e3), starts=(140_000, 140_000)).straggler_idle_ns is None
