"""Work of an op by formula: models, the layer, range names, users' ops files.

Each formula of `models` stands here by its name: `formulas.gemm(m=64, n=7168, k=2048, precision="fp8")` is its `Work`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofprof.formulas.collectives import (
        all_gather,
        all_reduce,
        all_reduce_nvls,
        all_reduce_one_shot,
        all_reduce_tree,
        all_to_all,
        all_to_all_dedup,
        reduce_scatter,
    )
    from roofprof.formulas.models import (
        add,
        add_rmsnorm,
        bmm,
        combine,
        concat_mla_k,
        gather_rows,
        gemm,
        kv_write,
        merge_state,
        mha_causal,
        mla_decode,
        moe_align,
        moe_fused,
        moe_gemm,
        moe_permute,
        moe_prepare,
        moe_sum,
        quant,
        quant_tensor,
        rmsnorm,
        rope,
        silu_and_mul,
        topk,
        topk_ungrouped,
    )
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
    from roofprof.formulas.served.rows import (
        add_rmsnorm_quant,
        qk_norm,
        rmsnorm_quant,
        silu_and_mul_quant,
    )
    from roofprof.formulas.work import Work

__all__ = [
    "Work", "add", "add_rmsnorm", "add_rmsnorm_quant", "all_gather", "all_reduce", "all_reduce_nvls",
    "all_reduce_one_shot", "all_reduce_tree", "all_to_all", "all_to_all_dedup", "bmm", "combine", "concat_mla_k",
    "gather_rows", "gemm", "gemm_w4", "gqa_causal", "gqa_decode", "gqa_decode_paged", "kv_write", "kv_write_fp8kv",
    "kv_write_heads", "merge_state", "mha_causal", "mla_decode", "mla_decode_fp8kv", "mla_decode_mtp",
    "mla_decode_paged", "moe_align", "moe_fused", "moe_gemm", "moe_gemm_shared", "moe_gemm_uniform", "moe_gemm_w4",
    "moe_permute", "moe_prepare", "moe_sum", "qk_norm", "quant", "quant_tensor", "reduce_scatter", "rmsnorm",
    "rmsnorm_quant", "rope", "rope_heads", "silu_and_mul", "silu_and_mul_quant", "topk", "topk_ungrouped",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """A formula, imported when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from roofprof.formulas.models import FORMULAS
    from roofprof.formulas.work import Work

    return Work if name == "Work" else FORMULAS[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
