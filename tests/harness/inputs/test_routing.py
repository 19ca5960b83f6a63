"""Routing: uniform unless skewed, and the sorted rows that follow."""

import pytest

torch = pytest.importorskip("torch")

from roofprof.harness.inputs.routing import Place, draw_routing, exchanged_rows  # noqa: E402


def test_uniform_routing_hits_as_many_experts_as_expected():
    torch.manual_seed(0)
    hits = [draw_routing(64, 256, Place(), 0.0, "cpu").counts.hit for _ in range(20)]
    assert sum(hits) / 20 == pytest.approx(222.4, abs=3)  # 256 (1 - (31/32)^64)


def test_skew_hits_fewer():
    torch.manual_seed(0)
    hits = [draw_routing(64, 256, Place(), skew, "cpu").counts.hit for skew in (0.0, 1.0, 3.0)]
    assert hits[0] > hits[1] > hits[2]


@pytest.mark.parametrize("ep", [1, 4])
def test_rows_are_sorted_by_expert(ep):
    torch.manual_seed(1)
    routing = draw_routing(33, 64, Place(ep), 0.5, "cpu")
    counts = routing.counts
    assert len(counts.rows_per_expert) == 64 // ep
    assert counts.per_token == (8 if ep == 1 else 1)
    assert routing.ids.shape == (counts.tokens, counts.per_token)
    assert routing.offsets.tolist()[-1] == counts.rows == routing.ids.numel()
    owners = torch.bucketize(routing.sorted_rows, routing.offsets[1:].contiguous(), right=True)
    assert torch.equal(owners.int(), routing.ids.view(-1))
    tokens = torch.arange(counts.rows) // counts.per_token
    assert torch.equal(routing.source_rows[routing.sorted_rows.long()].long(), tokens)
    assert torch.allclose(routing.weights.sum(-1), torch.ones(33))


def test_ep_receives_as_many_rows_as_expected():
    torch.manual_seed(0)
    rows = [draw_routing(64, 256, Place(8), 0.0, "cpu").counts.rows for _ in range(20)]
    assert sum(rows) / 20 == pytest.approx(512, rel=0.05)


@pytest.mark.parametrize(("ep", "tp", "tokens"), [(4, 1, 5), (4, 2, 7), (8, 4, 9), (4, 4, 6)])
def test_every_row_that_is_sent_is_received(ep, tp, tokens):
    """All processes draw the same routing, and what one says it sends another says it receives."""
    routings = []
    for rank in range(ep):
        torch.manual_seed(3)
        routings.append(draw_routing(tokens, 64, Place(ep, tp, rank), 0.5, "cpu"))
    for rank, routing in enumerate(routings):
        counts = routing.counts
        assert [other.counts.sent[rank] for other in routings] == list(counts.received)
        assert sum(counts.received) == counts.rows
        assert sum(counts.sent) == 8 * counts.own_tokens
        assert counts.remote("ep_dispatch") == sum(counts.sent) - counts.sent[rank]
        assert counts.remote("ep_combine") == sum(counts.received) - counts.received[rank]
    assert sum(routing.counts.rows for routing in routings) == 8 * tokens * (ep // tp)
    for first in range(0, ep, tp):
        group = [routing.logits for routing in routings[first : first + tp]]
        assert all(torch.equal(group[0], other) for other in group)
    assert sum(routing.counts.own_tokens for routing in routings[:tp]) == tokens


def test_rows_between_gpus_counted_one_by_one():
    chosen = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15], [0, 8, 1, 9, 2, 10, 3, 11]])
    assert exchanged_rows(chosen, 3, 16, Place(2, 2)) == ((8, 8), (4, 4))
