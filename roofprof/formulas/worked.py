"""Formulas worked through with the sizes of a run: every line an expression that can be checked by hand.

An expression is arithmetic in digits, `+`, `×`, `/`, brackets and `⌈a/b⌉`; the byte terms add up to the bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roofprof.formulas.models import FORMULAS, KV_LORA, LATENT, NOPE_DIM, QK_DIM, ROPE_DIM, V_DIM, evaluate

Shape = Mapping[str, int | float | str]
Terms = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WorkedFormula:
    """One formula with numbers in it."""

    formula: str
    says: str
    """The formula in one line, from its docstring."""
    flop_expression: str
    byte_terms: Terms
    """What moves, and its bytes as an expression."""
    flop_count: float
    dram_bytes: float
    arithmetic_intensity: float | None


def worked_formula(formula: str, shape: Shape) -> WorkedFormula | None:
    """Work a formula through, or None where it has no lines of its own.

    Args:
        formula: a name of `op_models.FORMULAS`.
        shape: the sizes of the op.
    """
    lines = _LINES.get(formula)
    if lines is None:
        return None
    work = evaluate(formula, shape)
    flops, terms = lines(_Sizes(shape))
    says = (FORMULAS[formula].__doc__ or "").split("\n")[0]
    return WorkedFormula(formula, says, flops, terms, work.flop_count, work.dram_bytes, work.arithmetic_intensity)


class _Sizes:
    """Sizes as text, with the defaults of the formulas."""

    _DEFAULTS: Mapping[str, int | str] = {"h": 128, "t": 8, "x": 256, "p": 0, "precision": "bf16", "output": "bf16"}

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def __getitem__(self, key: str) -> str:
        value = self._shape.get(key, self._DEFAULTS.get(key, ""))
        return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)

    def or_default(self, key: str, default: str) -> str:
        """The size of the same letter, else another precision's."""
        return str(self._shape.get(key, default))


_BYTES = {"fp8": "1", "bf16": "2", "fp16": "2", "fp32": "4", "fp4": "0.5625"}


def _activation(rows: str, k: str, precision: str) -> str:
    scales = f" + 4 × {rows} × ⌈{k}/128⌉" if precision == "fp8" else ""
    return f"{rows} × {k} × {_BYTES[precision]}{scales}"


def _weight(n: str, k: str, precision: str) -> str:
    scales = f" + 4 × ⌈{n}/128⌉ × ⌈{k}/128⌉" if precision == "fp8" else ""
    return f"{n} × {k} × {_BYTES[precision]}{scales}"


def _gemm(s: _Sizes) -> tuple[str, Terms]:
    m, n, k, p = s["m"], s["n"], s["k"], s["precision"]
    return f"2 × {m} × {n} × {k}", (
        ("input", _activation(m, k, p)),
        ("weight", _weight(n, k, p)),
        ("output", f"{m} × {n} × {_BYTES[s['output']]}"),
    )


def _bmm(s: _Sizes) -> tuple[str, Terms]:
    h, m, n, k, size = s["h"], s["m"], s["n"], s["k"], _BYTES[s["precision"]]
    scales = (("scales", "8"),) if s["precision"] == "fp8" else ()
    return f"2 × {h} × {m} × {n} × {k}", (
        ("input", f"{h} × {m} × {k} × {size}"),
        ("weight", f"{h} × {k} × {n} × {size}"),
        *scales,
        ("output", f"{h} × {m} × {n} × {_BYTES[s['output']]}"),
    )


def _moe_gemm(s: _Sizes) -> tuple[str, Terms]:
    n, k, p = s["n"], s["k"], s["precision"]
    rows = s["r"] or f"({s['t']} × {s['m']})"
    return f"2 × {rows} × {n} × {k}", (
        ("input", _activation(rows, k, p)),
        ("weights of the experts hit", f"{s['e']} × ({_weight(n, k, p)})"),
        ("output", f"{rows} × {n} × {_BYTES[s['output']]}"),
    )


def _mla_decode(s: _Sizes) -> tuple[str, Terms]:
    b, length, h, size = s["b"], s["s"], s["h"], _BYTES[s["precision"]]
    return f"2 × {b} × {h} × {length} × ({LATENT} + {KV_LORA})", (
        ("latent cache", f"{b} × {length} × {LATENT} × {size}"),
        ("query", f"{b} × {h} × {LATENT} × {size}"),
        ("output", f"{b} × {h} × {KV_LORA} × 2"),
    )


def _mha_causal(s: _Sizes) -> tuple[str, Terms]:
    b, length, h, p, size = s["b"], s["s"], s["h"], s["p"], _BYTES[s["precision"]]
    pairs = f"({length} × ({length} + 1) / 2 + {length} × {p})"
    return f"2 × {b} × {h} × {pairs} × ({QK_DIM} + {V_DIM})", (
        ("query", f"{size} × {b} × {h} × {length} × {QK_DIM}"),
        ("keys and values", f"{size} × {b} × {h} × ({length} + {p}) × ({QK_DIM} + {V_DIM})"),
        ("output", f"2 × {b} × {h} × {length} × {V_DIM}"),
    )


def _rmsnorm(s: _Sizes) -> tuple[str, Terms]:
    m, d = s["m"], s["d"]
    return f"4 × {m} × {d}", (("read", f"2 × {m} × {d}"), ("weight", f"2 × {d}"), ("written", f"2 × {m} × {d}"))


def _add_rmsnorm(s: _Sizes) -> tuple[str, Terms]:
    m, d = s["m"], s["d"]
    return f"5 × {m} × {d}", (
        ("input and residual", f"4 × {m} × {d}"),
        ("weight", f"2 × {d}"),
        ("output and residual", f"4 × {m} × {d}"),
    )


def _quant(s: _Sizes) -> tuple[str, Terms]:
    m, k = s["m"], s["k"]
    precision = s.or_default("precision", "fp8")
    return f"3 × {m} × {k}", (("read", f"2 × {m} × {k}"), ("written with scales", _activation(m, k, precision)))


def _quant_tensor(s: _Sizes) -> tuple[str, Terms]:
    m, k = s["m"], s["k"]
    size = _BYTES[s.or_default("precision", "fp8")]
    return f"3 × {m} × {k}", (("read", f"2 × {m} × {k}"), ("written", f"{m} × {k} × {size}"), ("scale", "4"))


def _silu_and_mul(s: _Sizes) -> tuple[str, Terms]:
    r, d = s["r"], s["d"]
    return f"5 × {r} × {d}", (("gate and up", f"4 × {r} × {d}"), ("written", f"2 × {r} × {d}"))


def _rope(s: _Sizes) -> tuple[str, Terms]:
    m, elements = s["m"], f"{s['m']} × ({s['h']} + 1) × {ROPE_DIM}"
    return f"3 × {elements}", (
        ("queries and key read", f"2 × {elements}"),
        ("cos, sin and positions", f"4 × {ROPE_DIM} × {m} + 8 × {m}"),
        ("written", f"2 × {elements}"),
    )


def _kv_write(s: _Sizes) -> tuple[str, Terms]:
    m = s["m"]
    return "0", (("read", f"2 × {m} × {LATENT} + 8 × {m}"), ("written", f"2 × {m} × {LATENT}"))


def _concat_mla_k(s: _Sizes) -> tuple[str, Terms]:
    m, h = s["m"], s["h"]
    return "0", (("read", f"2 × {m} × ({h} × {NOPE_DIM} + {ROPE_DIM})"), ("written", f"2 × {m} × {h} × {QK_DIM}"))


def _topk(s: _Sizes) -> tuple[str, Terms]:
    m, x, t = s["m"], s["x"], s["t"]
    bias = (("bias", f"4 × {x}"),)
    return f"6 × {m} × {x}", (("logits", f"4 × {x} × {m}"), *bias, ("ids and weights", f"8 × {t} × {m}"))


def _combine(s: _Sizes) -> tuple[str, Terms]:
    m, d, t = s["m"], s["d"], s["t"]
    return f"2 × {t} × {m} × {d}", (
        ("expert rows", f"2 × {t} × {m} × {d}"),
        ("permutation", f"4 × {t} × {m}"),
        ("written", f"2 × {m} × {d}"),
    )


def _add(s: _Sizes) -> tuple[str, Terms]:
    m, d = s["m"], s["d"]
    return f"{m} × {d}", (("read", f"4 × {m} × {d}"), ("written", f"2 × {m} × {d}"))


_LINES: Mapping[str, Callable[[_Sizes], tuple[str, Terms]]] = {
    "gemm": _gemm, "bmm": _bmm, "moe_gemm": _moe_gemm, "mla_decode": _mla_decode, "mha_causal": _mha_causal,
    "rmsnorm": _rmsnorm, "add_rmsnorm": _add_rmsnorm, "quant": _quant, "quant_tensor": _quant_tensor,
    "silu_and_mul": _silu_and_mul, "rope": _rope, "kv_write": _kv_write, "concat_mla_k": _concat_mla_k, "topk": _topk,
    "combine": _combine, "add": _add,
}  # fmt: skip


def _gemm_words(s: Shape) -> str:
    return f"GEMM [{s['m']}, {s['k']}] → [{s['m']}, {s['n']}]"


def _bmm_words(s: Shape) -> str:
    return f"BMM [{s['h']}, {s['m']}, {s['k']}] × [{s['h']}, {s['k']}, {s['n']}]"


def _moe_words(s: Shape) -> str:
    hit = s["e"]
    experts = f"{hit:.4g}" if isinstance(hit, float) else str(hit)
    rows = s.get("r") or _times(s["m"], s.get("t", 8))
    return f"grouped GEMM [{rows}, {s['k']}] → [{rows}, {s['n']}], {experts} experts hit"


def _times(a: int | float | str, b: int | float | str) -> str:
    return str(a * b) if isinstance(a, int) and isinstance(b, int) else f"{a} × {b}"


_WORDS: Mapping[str, Callable[[Shape], str]] = {
    "gemm": _gemm_words,
    "bmm": _bmm_words,
    "moe_gemm": _moe_words,
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
