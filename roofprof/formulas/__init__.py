"""Work of an op by formula: models, the layer, range names, users' ops files.

Each formula of `models` stands here by its name: `formulas.gemm(m=64, n=7168, k=2048, precision="fp8")` is its `Work`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roofprof.formulas.collectives import all_reduce, all_to_all
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
    from roofprof.formulas.work import Work

__all__ = [
    "Work", "add", "add_rmsnorm", "all_reduce", "all_to_all", "bmm", "combine", "concat_mla_k", "gather_rows", "gemm",
    "kv_write", "merge_state", "mha_causal", "mla_decode", "moe_align", "moe_fused", "moe_gemm", "moe_permute",
    "moe_prepare", "moe_sum", "quant", "quant_tensor", "rmsnorm", "rope", "silu_and_mul", "topk", "topk_ungrouped",
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
