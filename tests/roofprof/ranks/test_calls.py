"""Calls over ranks by their numbers alone: which one a row is, who was late, and what the clocks say."""

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.ranks.calls import NsysCall, OpCalls
from roofprof.ranks.clocks import align_clocks, critical_path, rank_calls
from roofprof.ranks.groups import MAX_SPREAD_NS

TRANSFER = 300_000


def call(start: float, end: float) -> NsysCall:
    return NsysCall(int(start), int(end), end - start, end - start, end - start)


def collective(ends: dict[int, list[float]], durations: dict[int, list[float]]) -> OpCalls:
    """Calls by rank, by the ranks' own clocks."""
    traced = {r: [call(e - d, e) for e, d in zip(ends[r], durations[r], strict=True)] for r in ends}
    none: dict[int, list[float | None]] = {rank: [None] * len(own) for rank, own in ends.items()}
    return OpCalls(True, True, none, none, traced)


def arrivals(late: list[int], wait: float, ahead: dict[int, float], jitter: float = 0.0) -> OpCalls:
    """All-reduces, one a millisecond, to which rank `late[i]` comes `wait` after the others."""
    ends: dict[int, list[float]] = {rank: [] for rank in ahead}
    durations: dict[int, list[float]] = {rank: [] for rank in ahead}
    for at, last in enumerate(late):
        for rank, offset in ahead.items():
            ends[rank].append(1e6 * (at + 1) + offset + jitter * (at * (rank + 1) * 3 % 5 - 2))
            durations[rank].append(TRANSFER + (0 if rank == last else wait))
    return collective(ends, durations)


@given(
    late=st.lists(st.integers(0, 3), min_size=1, max_size=20),
    wait=st.integers(20_000, 400_000),
    ahead=st.lists(st.integers(-(10**12), 10**12), min_size=4, max_size=4),
)
def test_stragglers_are_found_whatever_the_clocks_show(late: list[int], wait: int, ahead: list[int]) -> None:
    op = arrivals(late, wait, dict(enumerate(map(float, ahead))))
    clocks = align_clocks([op])
    assert clocks is not None
    assert clocks.aligned
    assert clocks.offset_ns == pytest.approx({rank: ns - ahead[0] for rank, ns in enumerate(ahead)})
    found = rank_calls(op, 4, clocks)
    assert [each.straggler_rank for each in found] == late
    assert [each.wait_ns for each in found] == pytest.approx([wait] * len(late))


def test_nobody_is_late_by_less_than_kernels_differ_by() -> None:
    op = arrivals([1, 2], 5_000, {0: 0.0, 1: 0.0, 2: 0.0})
    found = rank_calls(op, 3, align_clocks([op]))
    assert [each.straggler_rank for each in found] == [None, None]
    assert [each.wait_ns for each in found] == [5_000, 5_000]


def test_ends_that_do_not_coincide_tell_no_wait() -> None:
    op = arrivals([0, 1, 2, 0, 1], 100_000, {0: 0.0, 1: 5e9, 2: -3e9}, jitter=4 * MAX_SPREAD_NS)
    clocks = align_clocks([op])
    assert clocks is not None
    assert not clocks.aligned
    assert {each.wait_ns for each in rank_calls(op, 3, clocks)} == {None}
    assert critical_path({"all_reduce": op}, clocks) == {}


def test_without_a_trace_of_every_rank_there_are_no_clocks() -> None:
    op = arrivals([0], 100_000, {0: 0.0, 1: 0.0})
    del op.nsys[1]
    assert align_clocks([op]) is None
    assert rank_calls(op, 2, None) == []
    assert align_clocks([arrivals([0], 1.0, {0: 0.0})]) is None, "one rank has nobody to be aligned with"


def test_a_missing_rank_has_no_duration() -> None:
    op = arrivals([2], 100_000, {0: 0.0, 2: 7e6})
    (found,) = rank_calls(op, 3, align_clocks([op]))
    assert found.duration_ns == [TRANSFER + 100_000, None, TRANSFER]
    assert found.straggler_rank == 2


def test_the_critical_path_follows_the_latest_rank() -> None:
    """Rank 1 computes for longer, rank 0 waits for it; clocks are 5 s apart."""
    ahead = {0: 0.0, 1: 5e9}
    compute, reduce = OpCalls(), OpCalls(True, True)
    for rank, took in ((0, 100.0), (1, 400.0)):
        compute.ncu_ns[rank] = reduce.ncu_ns[rank] = [None] * 3
        compute.nsys[rank] = [call(ahead[rank] + t, ahead[rank] + t + took) for t in (0, 1000, 2000)]
        reduce.nsys[rank] = [call(ahead[rank] + t + took, ahead[rank] + t + 700) for t in (0, 1000, 2000)]
    ops: dict[Hashable, OpCalls] = {"compute": compute, "reduce": reduce}
    clocks = align_clocks(ops.values())
    assert critical_path(ops, clocks) == {"compute": 700.0, "reduce": 300.0}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({0: [10.0, 90.0, 20.0], 1: [50.0, 30.0, 40.0]}, 0),  # slowest: 50, 90, 40
        ({0: [1.0, 2.0], 1: [2.0, 1.0]}, 0),
        ({0: [1.0, 2.0, 3.0, 4.0], 1: [1.0, 2.0, 3.0]}, 1),  # the calls that all have
        ({0: [None, 5.0, 7.0], 1: [1.0, 6.0, 1.0]}, 1),  # unknown of one rank is unknown
    ],
)
def test_the_row_is_the_call_whose_slowest_rank_is_the_median(
    times: dict[int, list[float | None]], expected: int
) -> None:
    assert OpCalls(ncu_ns=times).picked == expected


def test_without_any_time_the_row_is_the_call_with_the_median_of_bytes_sent() -> None:
    unknown: dict[int, list[float | None]] = {0: [None] * 3, 1: [None] * 3}
    assert OpCalls(ncu_ns=unknown, sent_bytes={0: [5.0, 1.0, 3.0], 1: [5.0, 1.0, 3.0]}).picked == 2
    assert OpCalls(ncu_ns=unknown, sent_bytes=unknown).picked == 0
