"""Formulas of what is served, against figures worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formulas.models import ShapeError, evaluate
from roofprof.formulas.range_names import format_range_name, parse_range_name
from roofprof.formulas.served.formulas import SERVED
from roofprof.formulas.worked import worked_formula


def test_gqa_decode_by_hand() -> None:
    # FlashInfer's case: 128 sequences of 4096 entries, 64 heads on 8 of keys, 64 wide.
    work = evaluate("gqa_decode", {"b": 128, "s": 4096, "h": 64, "hk": 8, "d": 64})
    assert work.flop_count == 4 * 128 * 4096 * 64 * 64 == 8_589_934_592
    cache, query = 2 * 128 * 4096 * 8 * 64 * 2, 128 * 64 * 64 * 2
    assert work.dram_bytes == cache + 2 * query == 1_075_838_976
    assert work.pipe == "tensor_bf16"


def test_a_cache_of_8_bits_halves_the_keys_and_values_alone() -> None:
    shape = {"b": 2, "s": 100, "h": 16, "hk": 2, "d": 128}
    full, half = evaluate("gqa_decode", shape), evaluate("gqa_decode", {**shape, "kb": 8})
    assert full.reads["keys and values"] == 2 * half.reads["keys and values"] == 2 * 2 * 100 * 2 * 128 * 2
    assert (full.reads["query"], full.flop_count, full.pipe) == (half.reads["query"], half.flop_count, half.pipe)


def test_drafted_tokens_see_one_key_fewer_each() -> None:
    # 10 entries, the last 3 of them new: 8 + 9 + 10 pairs a head and sequence.
    work = evaluate("gqa_decode", {"b": 2, "s": 10, "h": 4, "hk": 1, "d": 8, "q": 3})
    assert work.flop_count == 4 * 8 * 4 * 2 * (8 + 9 + 10)
    assert work.reads == {"keys and values": 2 * 2 * 10 * 8 * 2, "query": 2 * 3 * 4 * 8 * 2}
    assert work.writes == {"output": 2 * 3 * 4 * 8 * 2}


@given(s=st.integers(1, 30), q=st.integers(1, 6), win=st.integers(1, 40))
def test_a_window_in_decode_counts_the_pairs_that_are_there(s: int, q: int, win: int) -> None:
    s += q
    seen = [set(range(max(0, s - j - win), s - j)) for j in range(q)]
    work = evaluate("gqa_decode", {"b": 2, "s": s, "h": 3, "hk": 1, "d": 4, "q": q, "win": win})
    assert work.flop_count == 4 * 3 * 4 * 2 * sum(map(len, seen))
    assert work.reads["keys and values"] == 2 * 2 * len(set().union(*seen)) * 4 * 2


def test_pages_add_their_table_and_lengths() -> None:
    shape = {"h": 8, "hk": 2, "d": 64}
    plain = evaluate("gqa_decode", {"b": 3, "s": 100, **shape})
    paged = evaluate("gqa_decode_paged", {"b": 3, "ks": 300, "pg": 16, **shape})
    assert paged.dram_bytes == plain.dram_bytes + 4 * 19 + 4 * 3
    assert paged.flop_count == plain.flop_count


def test_more_new_tokens_than_entries_are_refused() -> None:
    with pytest.raises(ShapeError, match="4 new tokens of each of 2 sequences are more than their 6 entries"):
        evaluate("gqa_decode", {"b": 2, "s": 3, "h": 1, "hk": 1, "q": 4})


@given(s=st.integers(1, 40), p=st.integers(0, 40), win=st.integers(1, 90))
def test_a_window_counts_the_pairs_that_are_there(s: int, p: int, win: int) -> None:
    pairs = sum(min(win, p + i + 1) for i in range(s))
    first = max(0, p - (win - 1))
    work = evaluate("gqa_causal", {"b": 1, "s": s, "h": 2, "hk": 1, "d": 4, "p": p, "win": win})
    assert work.flop_count == 4 * 2 * 4 * pairs
    assert work.reads["keys and values"] == 2 * (p + s - first) * 4 * 2


@given(s=st.integers(1, 60), p=st.integers(0, 60))
def test_a_window_of_all_is_none(s: int, p: int) -> None:
    shape = {"b": 2, "s": s, "h": 4, "hk": 2, "p": p}
    assert evaluate("gqa_causal", shape) == evaluate("gqa_causal", {**shape, "win": s + p})


def test_causal_gqa_of_r1s_widths_is_its_mha() -> None:
    # 192 wide queries and keys and 128 wide values are not one width: the mean, 160, has the same FLOPs.
    gqa = evaluate("gqa_causal", {"b": 1, "s": 64, "h": 128, "hk": 128, "d": 160, "p": 9})
    mha = evaluate("mha_causal", {"b": 1, "s": 64, "h": 128, "p": 9})
    assert gqa.flop_count == mha.flop_count
    assert gqa.reads["keys and values"] == mha.reads["keys and values"]


def test_mla_with_one_query_is_mla() -> None:
    one = evaluate("mla_decode", {"b": 3, "s": 50, "h": 16})
    assert evaluate("mla_decode_mtp", {"b": 3, "s": 50, "h": 16, "q": 1}) == one
    paged = evaluate("mla_decode_paged", {"b": 3, "ks": 150, "h": 16})
    assert paged.dram_bytes == one.dram_bytes + 4 * 3 + 4 * 3


def test_mla_over_an_fp8_cache_by_hand() -> None:
    work = evaluate("mla_decode_fp8kv", {"b": 2, "s": 100, "h": 128, "q": 2})
    assert work.reads == {"latent cache": 2 * 100 * (512 + 4 * 4 + 64 * 2), "query": 2 * 2 * 128 * 576 * 2}
    assert work.flop_count == 2 * 128 * 2 * (99 + 100) * (576 + 512)
    assert work.pipe == "tensor_bf16"


@pytest.mark.parametrize(
    ("formula", "shape", "flop_count", "dram_bytes"),
    [
        ("gemm_w4", {"m": 3, "n": 8, "k": 256}, 2 * 3 * 8 * 256, 2 * 3 * 256 + 8 * (128 + 2 * 2) + 2 * 3 * 8),
        # MXFP4 weights under bf16 inputs: 0.53125 byte an element.
        ("gemm_w4", {"m": 1, "n": 64, "k": 64, "g": 32, "sb": 1}, 8192, 128 + 4096 * 0.53125 + 128),
        ("moe_gemm_w4", {"m": 2, "n": 8, "k": 64, "e": 3, "t": 4, "sb": 1}, 8192, 1024 + 3 * 512 * 0.53125 + 128),
        ("moe_gemm_shared", {"m": 2, "n": 8, "k": 64, "e": 3, "t": 4}, 10240, 1280 + 4 * 1024 + 160),
        ("moe_gemm_uniform", {"m": 1, "n": 8, "k": 64, "x": 16, "t": 4}, 4096, 512 + 4 * 1024 + 64),
        ("rope_heads", {"m": 2, "h": 8, "hk": 2, "d": 64}, 3 * 1280, 4 * 1280 + 2 * 4 * 64 + 16),
        ("kv_write_heads", {"m": 2, "hk": 4, "d": 64}, 0, 2 * 1024 + 16 + 2 * 1024),
        ("kv_write_heads", {"m": 2, "hk": 4, "d": 64, "precision": "fp8"}, 0, 2 * 1024 + 16 + 1024),
        ("kv_write_fp8kv", {"m": 2}, 3 * 1024, 2 * (1152 + 8 + 656)),
        ("qk_norm", {"m": 2, "h": 8, "hk": 2, "d": 64}, 4 * 1280, 4 * 1280 + 256),
        ("rmsnorm_quant", {"m": 2, "d": 256}, 7 * 512, 1024 + 512 + 512 + 16),
        ("add_rmsnorm_quant", {"m": 2, "d": 256, "precision": "fp4"}, 8 * 512, 2048 + 512 + 1024 + 288),
        ("silu_and_mul_quant", {"r": 2, "d": 256}, 8 * 512, 2048 + 512 + 16),
    ],
)
def test_by_hand(formula: str, shape: dict, flop_count: float, dram_bytes: float) -> None:
    work = evaluate(formula, shape)
    assert (work.flop_count, work.dram_bytes) == (flop_count, dram_bytes)


def test_a_shared_expert_fused_is_the_routed_and_the_shared_product() -> None:
    shape = {"m": 7, "n": 96, "k": 128, "t": 4}
    fused = evaluate("moe_gemm_shared", {**shape, "e": 11})
    routed = evaluate("moe_gemm", {**shape, "e": 11})
    shared = evaluate("gemm", {"m": 7, "n": 96, "k": 128})
    assert fused.flop_count == routed.flop_count + shared.flop_count
    assert fused.dram_bytes == routed.dram_bytes + shared.dram_bytes


def test_expected_experts_are_those_counted_by_every_choice() -> None:
    # 3 experts, 1 a token, 2 tokens: of 9 routings 3 hit one expert and 6 hit two.
    expected = evaluate("moe_gemm_uniform", {"m": 2, "n": 8, "k": 16, "x": 3, "t": 1})
    weights = expected.reads["weights of the experts expected"]
    assert weights == pytest.approx((3 * 1 + 6 * 2) / 9 * 8 * 16 * 2)


def test_more_experts_of_a_token_than_there_are_are_refused() -> None:
    with pytest.raises(ShapeError, match="5 experts of a token are more than all 4"):
        evaluate("moe_gemm_uniform", {"m": 2, "n": 8, "k": 16, "x": 4, "t": 5})


def test_the_groups_of_w4_are_those_of_the_formats() -> None:
    shape = {"m": 1, "n": 512, "k": 512}
    for precision, g in (("mxfp4", 32), ("fp4", 16)):
        weight = evaluate("gemm_w4", {**shape, "g": g, "sb": 1}).reads["weight with scales"]
        assert weight == evaluate("gemm", {**shape, "precision": precision}).reads["weight"]


@pytest.mark.parametrize("formula", [f.__name__ for f in SERVED])
def test_every_formula_can_stand_in_a_range_name_and_be_worked(formula: str) -> None:
    sizes = {"m": 4, "n": 64, "k": 128, "b": 2, "s": 40, "ks": 80, "h": 8, "hk": 2, "q": 2, "e": 3, "x": 16, "d": 64,
             "r": 8}  # fmt: skip
    needed = next(f for f in SERVED if f.__name__ == formula).__code__
    letters = needed.co_varnames[: needed.co_argcount]
    shape = {letter: sizes[letter] for letter in letters if letter in sizes}
    parsed = parse_range_name(format_range_name("op", formula, shape))
    work = evaluate(formula, parsed.shape)
    worked = worked_formula(formula, parsed.shape)
    assert worked is not None
    assert (worked.flop_count, worked.dram_bytes) == (work.flop_count, work.dram_bytes)
    assert len(worked.byte_terms) == len(work.reads) + len(work.writes)
