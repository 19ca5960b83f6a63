"""Every implementation of every op, best first for each op."""

from roofprof.harness.inputs.registry import Implementation
from roofprof.harness.ops import (
    bmm,
    elementwise,
    gemm,
    kv_cache,
    mla_decode,
    moe_fp4,
    moe_gemm,
    moe_rows,
    moe_trtllm,
    norms,
    prefill_attention,
    quant,
    rope,
    topk,
)

CATALOGUE: tuple[Implementation, ...] = tuple(
    implementation
    for module in (
        norms, moe_fp4, quant, gemm, bmm, rope, kv_cache, mla_decode, prefill_attention, topk, moe_rows,
        moe_gemm, moe_trtllm, elementwise,
    )
    for implementation in module.IMPLEMENTATIONS
)  # fmt: skip
