"""Formulas against figures worked out by hand."""

import pytest

from roofprof.formulas.models import FORMULAS, ShapeError, evaluate
from roofprof.formulas.precisions import PRECISIONS
from roofprof.hardware.devices import PIPES

GEMM_AI = [  # n, k, precision, tokens -> FLOP/byte, from docs/formulas.md
    (2112, 7168, "fp4", {1: 3.55, 16: 56.0, 64: 214, 128: 405, 1024: 1827}),
    (2112, 7168, "fp8", {1: 2.00, 16: 31.6, 64: 122, 128: 233, 1024: 1147}),
    (2112, 7168, "bf16", {1: 1.00, 16: 15.8, 64: 61.6, 128: 119, 1024: 629}),
    (24576, 1536, "fp4", {1: 3.55, 16: 54.8, 64: 198, 128: 350, 1024: 1067}),
    (32768, 512, "fp4", {1024: 447}),
    (32768, 512, "fp8", {1024: 407}),
    (7168, 16384, "fp8", {1: 2.00, 64: 126, 1024: 1609}),
    (129280, 7168, "bf16", {1: 1.00, 64: 63.4, 128: 126}),
]


@pytest.mark.parametrize(("n", "k", "precision", "table"), GEMM_AI)
def test_gemm_intensity(n: int, k: int, precision: str, table: dict[int, float]) -> None:
    for m, intensity in table.items():
        work = evaluate("gemm", {"m": m, "n": n, "k": k, "precision": precision, "output": "bf16"})
        assert work.arithmetic_intensity == pytest.approx(intensity, rel=0.01)


def test_fused_qkv_a_fp4_at_one_token_by_hand() -> None:
    work = evaluate("gemm", {"m": 1, "n": 2112, "k": 7168, "precision": "fp4"})
    assert work.flop_count == 2 * 2112 * 7168 == 30_277_632
    # 0.5 byte an element and a scale byte each 16; bf16 output.
    assert work.dram_bytes == 7168 * 0.5625 + 2112 * 7168 * 0.5625 + 2 * 2112 == 8_523_840
    assert work.pipe == "tensor_fp4"


@pytest.mark.parametrize(
    ("precision", "size", "pipe"),
    [("mxfp4", 0.5 + 1 / 32, "tensor_fp4"), ("fp6", 0.75 + 1 / 32, "tensor_fp6"), ("int8", 1, "tensor_int8"),
     ("int4", 0.5, "tensor_int8"), ("tf32", 4, "tensor_tf32"), ("fp64", 8, "tensor_fp64"), ("fp32", 4, "fp32")],
)  # fmt: skip
def test_each_precision_has_a_size_and_a_pipe(precision: str, size: float, pipe: str) -> None:
    work = evaluate("gemm", {"m": 64, "n": 128, "k": 256, "precision": precision, "output": "fp32"})
    assert work.dram_bytes == (64 + 128) * 256 * size + 4 * 64 * 128
    assert work.pipe == pipe


def test_every_precision_that_a_name_may_hold_has_a_formula_and_a_pipe_of_ours() -> None:
    for precision in PRECISIONS:
        assert evaluate("gemm", {"m": 1, "n": 2, "k": 3, "precision": precision, "output": precision}).pipe in PIPES


def test_q_b_fp4_at_128_tokens_by_hand() -> None:
    work = evaluate("gemm", {"m": 128, "n": 24576, "k": 1536, "precision": "fp4"})
    assert work.dram_bytes == (98_304 + 12_288) + (18_874_368 + 2_359_296) + 6_291_456 == 27_635_712
    assert work.arithmetic_intensity == pytest.approx(349.7, abs=0.05)


def test_mla_decode_by_hand() -> None:
    work = evaluate("mla_decode", {"b": 1, "s": 4096, "h": 128, "precision": "bf16"})
    assert work.flop_count == 2 * 128 * 4096 * 1088 == 1_140_850_688
    assert work.dram_bytes == 4096 * 1152 + 128 * 576 * 2 + 128 * 512 * 2 == 4_997_120


def test_moe_gate_up_fp8_with_the_experts_that_were_hit() -> None:
    shape = {"m": 64, "n": 4096, "k": 7168, "e": 126, "t": 8, "precision": "fp8"}
    work = evaluate("moe_gemm", shape)
    assert work.flop_count == 2 * 512 * 4096 * 7168
    weight = 4096 * 7168 + 4 * 32 * 56
    assert work.dram_bytes == 512 * 7168 + 4 * 512 * 56 + 126 * weight + 2 * 512 * 4096 == 3_708_258_304
    assert work.arithmetic_intensity == pytest.approx(8.10752, abs=1e-5)


def test_causal_attention_counts_each_pair_once() -> None:
    work = evaluate("mha_causal", {"b": 1, "s": 1024, "h": 128})
    assert work.flop_count == 2 * 128 * 320 * 1024 * 1025 / 2
    assert work.dram_bytes == 2 * 1024 * 128 * (192 + 192 + 128 + 128)
    with_prefix = evaluate("mha_causal", {"b": 1, "s": 2, "h": 1, "p": 3})
    assert with_prefix.flop_count == 2 * 320 * (3 + 3 * 2)  # 3 causal pairs and 2 x 3 with the prefix


@pytest.mark.parametrize(
    ("formula", "shape", "flop_count", "dram_bytes"),
    [
        ("rmsnorm", {"m": 2, "d": 8}, 64, 2 * 8 * 4 + 16),
        ("add_rmsnorm", {"m": 2, "d": 8}, 80, 2 * 8 * 8 + 16),
        ("quant", {"m": 2, "k": 256, "precision": "fp8"}, 1536, 1024 + 512 + 4 * 2 * 2),
        ("quant", {"m": 2, "k": 256, "precision": "fp4"}, 1536, 1024 + 288),
        ("quant_tensor", {"m": 2, "k": 256}, 1536, 1024 + 512 + 4),
        ("silu_and_mul", {"r": 3, "d": 4}, 60, 72),
        ("rope", {"m": 1, "h": 128}, 3 * 129 * 64, 4 * 129 * 64 + 4 * 64 + 8),
        ("kv_write", {"m": 1}, 0, 4 * 576 + 8),
        ("concat_mla_k", {"m": 1, "h": 128}, 0, 2 * (128 * 128 + 64) + 2 * 128 * 192),
        ("topk", {"m": 1}, 6 * 256, 4 * 256 + 1024 + 64),
        ("topk_ungrouped", {"m": 1}, 6 * 256, 4 * 256 + 64),
        ("moe_prepare", {"m": 1}, 0, 96 + 28 * 256 + 4),
        ("moe_align", {"m": 1, "u": 8}, 0, 3144),
        ("moe_align", {"m": 64, "u": 126}, 0, 70_396),
        ("gather_rows", {"m": 2, "r": 16, "k": 8, "precision": "fp8"}, 0, 16 + 64 + 128),
        ("moe_permute", {"m": 1, "r": 8, "k": 128, "precision": "fp8"}, 0, 132 + 32 + 8 * 132),
        ("combine", {"m": 1, "d": 8}, 128, 128 + 32 + 16),
        ("moe_sum", {"m": 1, "d": 8}, 128, 128 + 16),
        ("add", {"m": 1, "d": 8}, 8, 48),
        ("merge_state", {"m": 1, "h": 1}, 3 * 128 + 12, 6 * 128 + 12),
        ("moe_fused", {"m": 1, "i": 2, "d": 4, "e": 8}, 2 * 8 * 3 * 8, 8 + 8 * (2 * 16 + 2 * 8) + 64 + 8),
        ("bmm", {"h": 2, "m": 3, "n": 5, "k": 7, "precision": "fp8"}, 420, 2 * (21 + 35) + 8 + 2 * 2 * 15),
    ],
)
def test_other_formulas_by_hand(formula: str, shape: dict, flop_count: float, dram_bytes: float) -> None:
    work = evaluate(formula, shape)
    assert (work.flop_count, work.dram_bytes) == (flop_count, dram_bytes)


def test_collectives_send_bytes() -> None:
    assert evaluate("all_reduce", {"m": 1, "d": 8, "t": 4}).link_bytes == 2 * 3 / 4 * 16
    assert evaluate("all_to_all", {"m": 1, "d": 8, "t": 8, "w": 4, "precision": "bf16"}).link_bytes == 3 / 4 * 128


@pytest.mark.parametrize(
    ("formula", "shape", "why"),
    [
        ("gem", {}, "unknown formula"),
        ("gemm", {"m": 1, "n": 1}, "needs k"),
        ("gemm", {"m": 1, "n": 1, "k": 1, "z": 1}, "does not take z"),
        ("gemm", {"m": 0, "n": 1, "k": 1}, "is 0"),
        ("gemm", {"m": 1, "n": 1, "k": 1, "precision": "fp3"}, "fp3"),
    ],
)
def test_shapes_that_cannot_be_used_say_why(formula: str, shape: dict, why: str) -> None:
    with pytest.raises(ShapeError, match=why):
        evaluate(formula, shape)


def test_every_formula_documents_itself() -> None:
    assert all(f.__doc__ for f in FORMULAS.values())
