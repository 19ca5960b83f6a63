"""Counts of routing: drawn ones in test_routing, expected ones here."""

import pytest

from roofprof.formulas.layer import LayerCase
from roofprof.harness.inputs.counts import Counts, expected_counts


def test_rows_hit_experts_and_padded_blocks():
    counts = Counts(8, 4, 8, (0, 1, 64, 65))
    assert (counts.rows, counts.hit, counts.blocks(64)) == (130, 3, 4)


@pytest.mark.parametrize(
    ("batch", "ep", "experts", "tokens", "per_token", "rows"),
    [(3, 1, 16, 3, 8, 24), (3, 4, 16, 24, 1, 24), (1, 1, 256, 1, 8, 8)],
)
def test_expected_rows_are_spread_evenly(batch, ep, experts, tokens, per_token, rows):
    counts = expected_counts(LayerCase(batch=batch, ep=ep), experts)
    assert (counts.tokens, counts.per_token, counts.rows) == (tokens, per_token, rows)
    assert len(counts.rows_per_expert) == experts // ep
    assert max(counts.rows_per_expert) - min(counts.rows_per_expert) <= 1
