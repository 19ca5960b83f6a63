"""One rank's counter that missed a part of what it sent."""

from dataclasses import replace

import pytest
from tiny_report import tiny_report

import roofprof
from roofprof.ranks.calls import OpCalls
from roofprof.ranks.checks import short_finding
from roofprof.results.op import OpResult
from roofprof.results.op_groups import RankShare

ALIKE = OpCalls(collective=True, alike=True)


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> OpResult:
    path = tmp_path_factory.mktemp("one") / "one.ncu-rep"
    path.write_bytes(tiny_report([("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", {"gpu__time_duration.sum": 5e4})]))
    (row,) = roofprof.analyze(path).data.ops
    return row


def sent(op: OpResult, *by_rank: float | None) -> OpResult:
    ranks = [
        RankShare(rank=rank, duration_ns=None, dram_bytes=None, flop_count=None, link_tx_bytes=count)
        for rank, count in enumerate(by_rank)
    ]
    return replace(op, ranks=ranks)


def test_the_rank_and_what_it_is_short_of(op: OpResult) -> None:
    found = short_finding(sent(op, 1e6, 0.944e6, 1e6), ALIKE)
    assert found is not None
    assert "rank 1 sent 5.6 % fewer bytes than the others, though all send alike" in found.message
    assert found.values == {"rank": 1, "link_tx_bytes": 0.944e6, "others_link_tx_bytes": 1e6}


@pytest.mark.parametrize(
    ("by_rank", "why"),
    [
        ((1e6, 0.99e6, 1e6), "less than a link's part"),
        ((1e6, 0.5e6, 1e6), "another share of the work"),
        ((1e6, 0.95e6, 0.97e6), "the others differ, too"),
        ((1e6, 0.95e6, None), "of one rank it is unknown"),
        ((0.95e6,), "one rank alone"),
    ],
)
def test_what_is_no_counter_that_missed_a_link(op: OpResult, by_rank: tuple[float | None, ...], why: str) -> None:
    assert short_finding(sent(op, *by_rank), ALIKE) is None, why


def test_ranks_that_need_not_send_alike(op: OpResult) -> None:
    assert short_finding(sent(op, 1e6, 0.95e6, 1e6), OpCalls(collective=True)) is None
