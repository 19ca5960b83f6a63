"""The formulas of what is served, in the order in which docs/formulas.md lists them."""

from collections.abc import Callable

from roofprof.formulas.served.attention import (
    gqa_causal,
    gqa_decode,
    gqa_decode_paged,
    kv_write_fp8kv,
    kv_write_heads,
    mla_decode_fp8kv,
    mla_decode_mtp,
    mla_decode_paged,
    rope_heads,
)
from roofprof.formulas.served.products import (
    gemm_w4,
    moe_gemm_shared,
    moe_gemm_uniform,
    moe_gemm_w4,
)
from roofprof.formulas.served.rows import add_rmsnorm_quant, qk_norm, rmsnorm_quant, silu_and_mul_quant
from roofprof.formulas.work import Work

SERVED: tuple[Callable[..., Work], ...] = (
    gemm_w4, moe_gemm_w4, moe_gemm_shared, moe_gemm_uniform, gqa_decode, gqa_decode_paged, gqa_causal, mla_decode_mtp,
    mla_decode_paged, mla_decode_fp8kv, rope_heads, kv_write_heads, kv_write_fp8kv, qk_norm,
    rmsnorm_quant, add_rmsnorm_quant, silu_and_mul_quant,
)  # fmt: skip
