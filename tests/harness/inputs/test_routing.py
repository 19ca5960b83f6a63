"""Routing: uniform unless skewed, and the sorted rows that follow."""

import pytest

torch = pytest.importorskip("torch")

from roofprof.harness.inputs.routing import draw_routing  # noqa: E402


def test_uniform_routing_hits_as_many_experts_as_expected():
    torch.manual_seed(0)
    hits = [draw_routing(64, 256, 1, 0.0, "cpu").counts.hit for _ in range(20)]
    assert sum(hits) / 20 == pytest.approx(222.4, abs=3)  # 256 (1 - (31/32)^64)


def test_skew_hits_fewer():
    torch.manual_seed(0)
    hits = [draw_routing(64, 256, 1, skew, "cpu").counts.hit for skew in (0.0, 1.0, 3.0)]
    assert hits[0] > hits[1] > hits[2]


@pytest.mark.parametrize("ep", [1, 4])
def test_rows_are_sorted_by_expert(ep):
    torch.manual_seed(1)
    routing = draw_routing(33, 64, ep, 0.5, "cpu")
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
    rows = [draw_routing(64, 256, 8, 0.0, "cpu").counts.rows for _ in range(20)]
    assert sum(rows) / 20 == pytest.approx(512, rel=0.05)
