"""Bytes sent over links, against numbers worked out by hand and against the counters of four GPUs."""

from dataclasses import replace
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formulas.collectives import COLLECTIVE_NAMES, copies_sent, group_size
from roofprof.formulas.layer import LayerCase
from roofprof.formulas.models import ShapeError, evaluate
from roofprof.formulas.table import formula_rows, formula_total
from roofprof.hardware.devices import load_gpu

S = 64 << 20
"""Payload of the measurement, bytes: 4 GPUs, ring, NVLink user bytes sent by each."""


@pytest.mark.parametrize(
    ("formula", "shape", "counted"),
    [
        ("all_reduce", {"m": 1, "d": S // 2, "t": 4}, 100_672_896),
        ("all_gather", {"m": 1, "d": S // 2, "t": 4}, 201_336_192),
        ("reduce_scatter", {"m": 1, "d": S // 2, "t": 4}, 50_336_640),
        ("all_to_all", {"m": 1, "d": S // 2, "t": 1, "w": 4}, 50_335_104),
    ],
)
def test_ring_formulas_are_what_the_counters_showed(formula: str, shape: dict[str, int], counted: int) -> None:
    assert evaluate(formula, shape).link_bytes == pytest.approx(counted, rel=2e-4)


def test_one_gpu_sends_nothing() -> None:
    for formula in COLLECTIVE_NAMES - {"all_reduce_nvls"}:
        shape = {"m": 4, "d": 256, **({"w": 1} if formula.startswith("all_to_all") else {"t": 1})}
        assert evaluate(formula, shape).link_bytes == 0


@pytest.mark.parametrize(
    ("gpus", "groups", "kept", "remote"),
    [
        (8, 1, 1, 4.64),  # 7 (1 - C(224, 8) / C(256, 8))
        (8, 8, 4, 3.18),  # 7/8 of 4 (1 - C(96, 8) / C(128, 8))
        (1, 8, 4, 0),
        (256, 8, 4, 8 * 255 / 256),  # one expert a GPU: every row is a copy
        (2, 8, 4, 0.963),  # 1 - 1/70 - 16/70 C(96, 8) / C(128, 8) - 36/70 C(64, 8) / C(128, 8) - ...
    ],
)
def test_copies_of_a_token(gpus: int, groups: int, kept: int, remote: float) -> None:
    copies = copies_sent(8, gpus, 256, groups, kept)
    assert copies * (gpus - 1) / gpus == pytest.approx(remote, abs=0.01)


@pytest.mark.parametrize(
    ("gpus", "first_two", "copies"),
    [
        # 6 experts in 3 groups, 2 kept, 2 a token. The first of 2 GPUs has a whole group and half of the next: of the
        # pairs of 4 experts none is there with groups 0 and 1 kept, 1 of 6 with 0 and 2, 3 of 6 with 1 and 2.
        (2, (2, 1), 2 * (1 - (0 + 1 / 6 + 3 / 6) / 3)),
        # 3 GPUs have a group each, of which 2 are kept: a pair lies in one of them 2 times of 6.
        (3, (2, 0), (2 / 6) * 1 + (4 / 6) * 2),
        (6, (1, 0), 2),
    ],
)
def test_gpus_may_hold_parts_of_groups(gpus: int, first_two: tuple[int, int], copies: float) -> None:
    assert sum(first_two) == 6 // gpus
    assert copies_sent(2, gpus, 6, 3, 2) == pytest.approx(copies)


def test_copies_of_deepseek_v2_over_gpus_that_share_groups() -> None:
    """160 experts in 8 groups of 20 over 5 GPUs of 32; against every choice of groups, the experts in them drawn."""
    missed = 0.0
    for kept in combinations(range(8), 3):
        pool = [expert for group in kept for expert in range(20 * group, 20 * group + 20)]
        for gpu in range(5):
            elsewhere = sum(expert // 32 != gpu for expert in pool)
            missed += comb(elsewhere, 6) / comb(60, 6) / comb(8, 3)
    assert copies_sent(6, 5, 160, 8, 3) == pytest.approx(5 - missed)


@pytest.mark.parametrize(
    ("formula", "shape", "size"),
    [
        ("all_reduce", {"m": 64, "t": 4}, 4), ("all_to_all_dedup", {"w": 4, "t": 8}, 4), ("all_to_all", {"t": 8}, None),
        ("all_reduce", {"t": 1}, None), ("moe_gemm", {"t": 8}, None),
    ],
)  # fmt: skip
def test_how_many_gpus_a_collective_joins(formula: str, shape: dict[str, object], size: int | None) -> None:
    """The t of an exchange is the experts of a token."""
    assert group_size(formula, shape) == size


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"x": 160, "g": 7}, "160 experts do not lie in 7 groups"),
        ({"x": 64, "g": 2, "q": 3}, "in 2 groups of which 3 are kept"),
        ({"x": 10**6, "g": 1, "q": 1, "t": 500_000}, "500000 experts of a token"),
        ({"x": 1 << 20, "g": 1 << 19, "q": 1 << 18, "t": 2}, "524288 groups"),
    ],
)
def test_routing_that_cannot_be_is_refused_and_takes_no_time(shape: dict[str, int], why: str) -> None:
    with pytest.raises(ShapeError, match=why):
        evaluate("all_to_all_dedup", {"m": 1, "d": 1, "w": 2, **shape})


@given(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256]), st.sampled_from([(1, 1), (8, 4), (8, 8), (4, 2)]))
def test_copies_lie_between_one_and_the_experts_of_a_token(gpus: int, limit: tuple[int, int]) -> None:
    copies = copies_sent(8, gpus, 256, *limit)
    assert 1 - 1e-9 <= copies <= min(8, gpus) + 1e-9


def test_collectives_stand_on_the_links_roof() -> None:
    """GB200: 900 GB/s each way; the layer's sum with and without overlap."""
    rows = formula_rows(LayerCase(batch=128, tp=8, ep=32), load_gpu("gb200-nvl72"))
    links = {row.op: row for row in rows if row.link_bytes}
    assert links.keys() == {"all_reduce_attn", "all_reduce_mlp", "ep_dispatch", "ep_combine"}
    assert {row.bound for row in links.values()} == {"communication"}
    assert links["all_reduce_attn"].bound_time_s == pytest.approx(2 * 7 / 8 * 2 * 128 * 7168 / 900e9)
    assert all(row.link_bytes_per_s is None and row.bound != "communication" for row in rows if not row.link_bytes)
    total = formula_total(rows)
    assert total.bound_time_s is not None
    assert total.link_time_s == pytest.approx(sum(row.bound_time_s or 0 for row in links.values()))
    assert total.overlapped_time_s == pytest.approx(total.bound_time_s - (total.link_time_s or 0))


def test_a_gpu_without_a_link_rate_leaves_times_unknown() -> None:
    rows = formula_rows(LayerCase(tp=8), replace(load_gpu("h100"), nvlink_bytes_per_s=None))
    (found,) = [row for row in rows if row.op == "all_reduce_mlp"]
    assert (found.bound, found.bound_time_s) == (None, None)
    total = formula_total(rows)
    assert (total.bound_time_s, total.link_time_s, total.overlapped_time_s) == (None, None, None)
    assert total.link_bytes > 0


def test_one_gpu_has_nothing_to_overlap() -> None:
    total = formula_total(formula_rows(LayerCase(), load_gpu("h100")))
    assert (total.link_bytes, total.link_time_s, total.overlapped_time_s) == (0, None, None)
