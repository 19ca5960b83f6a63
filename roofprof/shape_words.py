"""A formula's shape in words, as the seed document writes its notes."""

from collections.abc import Callable, Mapping

Shape = Mapping[str, int | float | str]


def _gemm(s: Shape) -> str:
    return f"GEMM [{s['m']}, {s['k']}] → [{s['m']}, {s['n']}]"


def _bmm(s: Shape) -> str:
    return f"BMM [{s['h']}, {s['m']}, {s['k']}] × [{s['h']}, {s['k']}, {s['n']}]"


def _moe(s: Shape) -> str:
    hit = s["e"]
    experts = f"{hit:.4g}" if isinstance(hit, float) else str(hit)
    rows = s.get("r") or _times(s["m"], s.get("t", 8))
    return f"grouped GEMM [{rows}, {s['k']}] → [{rows}, {s['n']}], {experts} experts hit"


def _times(a: int | float | str, b: int | float | str) -> str:
    return str(a * b) if isinstance(a, int) and isinstance(b, int) else f"{a} × {b}"


_WORDS: Mapping[str, Callable[[Shape], str]] = {
    "gemm": _gemm,
    "bmm": _bmm,
    "moe_gemm": _moe,
    "mla_decode": lambda s: f"{s['b']} × {s.get('h', 128)} heads over {s['s']} latent entries",
    "mha_causal": lambda s: f"{s['b']} × {s.get('h', 128)} heads, {s['s']} tokens, causal",
    "rmsnorm": lambda s: f"norm of [{s['m']}, {s['d']}]",
    "add_rmsnorm": lambda s: f"add and norm of [{s['m']}, {s['d']}]",
    "quant": lambda s: f"block quantisation of [{s['m']}, {s['k']}]",
    "quant_tensor": lambda s: f"tensor quantisation of [{s['m']}, {s['k']}]",
    "silu_and_mul": lambda s: f"[{s['r']}, 2 × {s['d']}] → [{s['r']}, {s['d']}]",
    "topk": lambda s: f"{s['m']} × {s.get('x', 256)} logits, grouped",
    "topk_ungrouped": lambda s: f"{s['m']} × {s.get('x', 256)} logits",
}


def shape_words(formula: str, shape: Shape) -> str:
    """For instance `FP8 GEMM [64, 1536] → [64, 24576]`; sizes by letter for formulas without words of their own."""
    precision = shape.get("precision")
    prefix = f"{str(precision).upper()} " if precision else ""
    words = _WORDS.get(formula)
    if words is None:
        sizes = ", ".join(f"{key} {value}" for key, value in shape.items() if key not in ("precision", "output"))
        return f"{prefix}{formula} {sizes}"
    return prefix + words(shape)
