"""Collectives of some of the ranks: TP groups in a larger job wait for themselves alone."""

from collections.abc import Hashable, Sequence

import pytest

from roofprof.ranks.calls import NsysCall, OpCalls
from roofprof.ranks.clocks import Clocks, align_clocks, critical_path, rank_calls
from roofprof.ranks.groups import find_groups

TRANSFER = 200_000
PAIRS = ((0, 1), (2, 3))
SHIFTS = ((0, 0), (10**7, 900_000), (2 * 10**7, 3_000_000))
"""When calls begin, and how much later another group comes to each."""


def collective(
    groups: Sequence[Sequence[int]], starts: Sequence[Sequence[int]], size: int | None = None, clock: int = 0
) -> OpCalls:
    """Calls that begin on each rank at `starts[call][rank]` and end in each group together."""
    op = OpCalls(collective=True, together=True, group_size=size)
    for group in groups:
        for rank in group:
            op.ncu_ns[rank] = [None] * len(starts)
            calls = [(at[rank], max(at[r] for r in group) + TRANSFER) for at in starts]
            ahead = clock * rank
            op.nsys[rank] = [NsysCall(s + ahead, e + ahead, e - s, e - s, e - s) for s, e in calls]
    return op


def aligned(*ops: OpCalls) -> Clocks:
    find_groups(ops)
    clocks = align_clocks(ops)
    assert clocks is not None
    return clocks


def test_the_size_that_a_range_says_makes_groups_of_neighbours() -> None:
    """Rank 3 is 1 ms late for rank 2; to ranks 0 and 1, which have gone on, that is nothing."""
    starts = [[t, t, t, t + 1_000_000] for t in (0, 5_000_000)]
    pairs, all_ranks = collective(PAIRS, starts, size=2, clock=10**9), collective([range(4)], starts, 4, 10**9)
    clocks = aligned(pairs, all_ranks)
    assert (clocks.aligned, clocks.joined) == (True, {0, 1, 2, 3})
    assert [(call.wait_ns, call.straggler_rank) for call in rank_calls(pairs, 4, clocks)] == [(1_000_000, 3)] * 2
    assert [call.duration_ns[0] for call in rank_calls(pairs, 4, clocks)] == [TRANSFER] * 2


def test_every_second_rank_may_be_a_group_of_known_size() -> None:
    starts = [[0, 0, 0, 0], [10**6, 10**7, 10**6 + 300_000, 10**7], [10**8, 2 * 10**8, 10**8, 2 * 10**8]]
    op = collective(((0, 2), (1, 3)), starts, size=2)
    clocks = aligned(op)
    assert op.groups == ((0, 2), (1, 3))
    assert [call.straggler_rank for call in rank_calls(op, 4, clocks)] == [None, 2, None]


def test_groups_at_times_of_their_own_are_found_by_their_ends() -> None:
    starts = [[t, t + 400_000, t + shift, t + shift] for t, shift in SHIFTS]
    op = collective(PAIRS, starts, clock=10**9)
    clocks = aligned(op)
    assert op.groups == PAIRS
    assert (clocks.aligned, clocks.joined) == (True, {0, 1})
    assert [(call.wait_ns, call.straggler_rank) for call in rank_calls(op, 4, clocks)] == [(400_000, 1)] * 3
    assert critical_path({"all_reduce": op}, clocks) == {}, "nothing puts both groups on one clock"


@pytest.mark.parametrize("parts", [((0, 1), (2,)), ((0, 1), (2, 3, 4)), ((0,), (1,), (2,), (3,)), ((0,), (1,))])
def test_ranks_that_make_no_groups_of_one_size_are_held_for_one(parts: tuple[tuple[int, ...], ...]) -> None:
    part_of = {rank: number for number, part in enumerate(parts) for rank in part}
    starts = [[t + shift * part_of[rank] ** 2 for rank in part_of] for t, shift in SHIFTS]
    op = collective(parts, starts)
    assert not aligned(op).aligned
    assert op.groups == ()


def test_a_known_size_whose_groups_no_ends_show_is_of_neighbours() -> None:
    starts = [[t, t + shift, t + shift, t] for t, shift in SHIFTS]
    op = collective(((0, 3), (1, 2)), starts, size=2)
    assert not aligned(op).aligned
    assert op.groups == PAIRS


@pytest.mark.parametrize(("transfer", "fits"), [(2_000_000, True), (200_000, False)])
def test_ends_of_long_transfers_may_lie_further_apart(transfer: int, fits: bool) -> None:
    """Rank 1 leaves 150 µs early or late: 7.5 % of one transfer, and 75 % of the other."""
    op = collective([range(2)], [])
    for rank, apart in ((0, (0, 0, 0, 0)), (1, (-150_000, 150_000, 150_000, -150_000))):
        times = zip((10**8, 2 * 10**8, 3 * 10**8, 4 * 10**8), apart, strict=True)
        op.nsys[rank] = [NsysCall(t, t + transfer + d, float(transfer), float(transfer), transfer) for t, d in times]
    assert aligned(op).aligned is fits


def test_ops_that_put_the_clocks_differently_leave_waits_unknown() -> None:
    """Group 2, 3 is always 1 ms later in one op, and on time in the other: which joins all is not to be seen."""
    late = collective(PAIRS, [[t, t, t + 10**6, t + 10**6] for t in (0, 10**7, 2 * 10**7)])
    even = collective([range(4)], [[t] * 4 for t in (10**8, 2 * 10**8)])
    clocks = aligned(late, even)
    assert not clocks.aligned
    assert {call.wait_ns for op in (late, even) for call in rank_calls(op, 4, clocks)} == {None}
    ops: dict[Hashable, OpCalls] = {"late": late, "even": even}
    assert critical_path(ops, clocks) == {}


def test_a_call_whose_ends_do_not_coincide_tells_no_wait() -> None:
    op = collective([range(2)], [[t, t + 50_000] for t in (0, 10**7, 2 * 10**7)])
    op.nsys[1][1] = op.nsys[1][1]._replace(end_ns=op.nsys[1][1].end_ns + 400_000)
    assert [call.wait_ns for call in rank_calls(op, 2, aligned(op))] == [50_000, None, 50_000]


def test_an_op_with_a_call_more_on_one_rank_does_not_spoil_the_others_clocks() -> None:
    starts = [[t, t] for t in (0, 10**7, 2 * 10**7)]
    even, uneven = collective([range(2)], starts, clock=10**9), collective([range(2)], starts, clock=10**9)
    del uneven.nsys[1][0]
    clocks = aligned(uneven, even)
    assert clocks.aligned
    assert {call.wait_ns for call in rank_calls(even, 2, clocks)} == {0}
    assert {call.wait_ns for call in rank_calls(uneven, 2, clocks)} == {None}, "numbers pair other calls there"
