"""The reference document's claims: three numbers and a verdict each."""

import pytest

from roofprof.document.claims import check_claims
from roofprof.hardware.devices import load_gpu

CLAIMS = check_claims(load_gpu("gb200"))
TABLE = {(c.kernel, c.op): c for c in CLAIMS if c.note is None}


@pytest.mark.parametrize(
    ("kernel", "op", "claimed", "verdict"),
    [
        ("cutlass_scaled_fp4_mm", "fused_qkv_a_proj", 7000, "at most 3670"),
        ("cutlass_scaled_fp4_mm", "q_b_proj", 12000, "at most 1510"),
        ("cutlass_scaled_fp4_mm", "kv_b_proj", 15000, "at most 510"),
        ("cutlass_scaled_fp4_mm", "o_proj", 9000, "needs m = 25948"),
        ("bmm_fp8", "q_nope_w_kc", 256, "at most 114"),
        ("bmm_fp8", "attn_w_vc", 256, "at most 171"),
        ("dsv3_fused_a_gemm", "fused_qkv_a_proj", 500, "needs m = 721"),
        ("rmsnorm", "q_a_layernorm", 1.25, "1000 times too little"),
        ("silu_and_mul", "shared_silu_and_mul", 0.67, "1000 times too little"),
        ("topk_softmax", "topk_softmax", 2, "1000 times too little"),
    ],
)
def test_the_table(kernel: str, op: str, claimed: float, verdict: str) -> None:
    claim = TABLE[kernel, op]
    assert claim.claimed_arithmetic_intensity == claimed
    assert verdict in claim.verdict


def test_the_worked_examples() -> None:
    q_b, one, many = (c for c in CLAIMS if c.note)
    numbers = (q_b.claimed_arithmetic_intensity, q_b.document_formula_arithmetic_intensity, q_b.arithmetic_intensity)
    assert [round(n or 0) for n in numbers] == [371, 378, 350]
    assert "memory-bound, not compute-bound" in q_b.verdict
    assert "under the ridge of 1125" in q_b.verdict
    assert one.document_formula_arithmetic_intensity == pytest.approx(1.98, abs=0.005)
    assert one.verdict == "AI about right"
    assert many.document_formula_arithmetic_intensity == pytest.approx(78.8, abs=0.05)
    assert many.arithmetic_intensity == pytest.approx(60.2, abs=0.05)


def test_the_documents_own_expression_for_elementwise_ops() -> None:
    assert TABLE["rmsnorm", "q_a_layernorm"].document_formula_arithmetic_intensity == 1.25
    assert TABLE["silu_and_mul", "shared_silu_and_mul"].document_formula_arithmetic_intensity == pytest.approx(2 / 3)
    assert TABLE["topk_softmax", "topk_softmax"].document_formula_arithmetic_intensity is None


def test_limits_as_the_batch_grows() -> None:
    limits = {op: TABLE["cutlass_scaled_fp4_mm", op].limit_arithmetic_intensity for op in ("q_b_proj", "o_proj")}
    assert limits == {"q_b_proj": pytest.approx(1509, abs=1), "o_proj": pytest.approx(9973, abs=1)}
