"""Formulas worked through with the sizes of a run: every line an expression that can be checked by hand.

An expression is arithmetic in digits, `+`, `×`, `/`, brackets and `⌈a/b⌉`; the byte terms add up to the bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from roofprof.formulas.dimensions import EXPERTS, HEADS
from roofprof.formulas.models import FORMULAS, ShapeError, Work, defaults_of, evaluate
from roofprof.formulas.range_names import ShapeView
from roofprof.formulas.traced import Traced, expression


@dataclass(frozen=True, slots=True)
class WorkedFormula:
    """One formula with numbers in it."""

    formula: str
    says: str
    """The formula in one line, from its docstring."""
    flop_expression: str
    byte_terms: tuple[tuple[str, str], ...]
    """What moves, and its bytes as an expression."""
    flop_count: float
    dram_bytes: float
    arithmetic_intensity: float | None


def worked_formula(formula: str, shape: ShapeView) -> WorkedFormula | None:
    """Work a formula through: the formula itself is evaluated, on sizes that remember the arithmetic done with them.

    Args:
        formula: a name of `models.FORMULAS`.
        shape: the sizes of the op.

    Returns:
        None for a formula or shape that this version does not know, of a report saved by another.
    """
    try:
        work = evaluate(formula, shape)
        steps = evaluate(formula, {key: _traced(value) for key, value in (defaults_of(formula) | dict(shape)).items()})
    except ShapeError:
        return None
    return WorkedFormula(
        formula=formula,
        says=(FORMULAS[formula].__doc__ or "").split("\n")[0],
        flop_expression=expression(steps.flop_count),
        byte_terms=tuple(_terms(steps)),
        flop_count=work.flop_count,
        dram_bytes=work.dram_bytes,
        arithmetic_intensity=work.arithmetic_intensity,
    )


def _traced(value: int | float | str) -> int | float | str:
    return value if isinstance(value, str) else Traced(value)


def _terms(work: Work) -> Iterator[tuple[str, str]]:
    for way, terms in (("read", work.reads), ("written", work.writes)):
        for name, value in terms.items():
            yield f"{name}, {way}", expression(value)


def _gemm_words(s: ShapeView) -> str:
    return f"GEMM [{s['m']}, {s['k']}] → [{s['m']}, {s['n']}]"


def _bmm_words(s: ShapeView) -> str:
    return f"BMM [{s['h']}, {s['m']}, {s['k']}] × [{s['h']}, {s['k']}, {s['n']}]"


def _moe_words(s: ShapeView) -> str:
    hit = s["e"]
    experts = f"{hit:.4g}" if isinstance(hit, float) else str(hit)
    rows = s.get("r") or _times(s["m"], s.get("t", 8))
    return f"grouped GEMM [{rows}, {s['k']}] → [{rows}, {s['n']}], {experts} experts hit"


def _times(a: int | float | str, b: int | float | str) -> str:
    return str(a * b) if isinstance(a, int) and isinstance(b, int) else f"{a} × {b}"


_WORDS: Mapping[str, Callable[[ShapeView], str]] = {
    "gemm": _gemm_words,
    "bmm": _bmm_words,
    "moe_gemm": _moe_words,
    "mla_decode": lambda s: f"{s['b']} × {s.get('h', HEADS)} heads over {s['s']} latent entries",
    "mha_causal": lambda s: f"{s['b']} × {s.get('h', HEADS)} heads, {s['s']} tokens, causal",
    "rmsnorm": lambda s: f"norm of [{s['m']}, {s['d']}]",
    "add_rmsnorm": lambda s: f"add and norm of [{s['m']}, {s['d']}]",
    "quant": lambda s: f"block quantisation of [{s['m']}, {s['k']}]",
    "quant_tensor": lambda s: f"tensor quantisation of [{s['m']}, {s['k']}]",
    "silu_and_mul": lambda s: f"[{s['r']}, 2 × {s['d']}] → [{s['r']}, {s['d']}]",
    "topk": lambda s: f"{s['m']} × {s.get('x', EXPERTS)} logits, grouped",
    "topk_ungrouped": lambda s: f"{s['m']} × {s.get('x', EXPERTS)} logits",
}


def shape_words(formula: str, shape: ShapeView) -> str:
    """For instance `FP8 GEMM [64, 1536] → [64, 24576]`; sizes by letter for formulas without words of their own."""
    precision = shape.get("precision")
    prefix = f"{str(precision).upper()} " if precision else ""
    words = _WORDS.get(formula)
    if words is None:
        sizes = ", ".join(f"{key} {value}" for key, value in shape.items() if key not in ("precision", "output"))
        return f"{prefix}{formula} {sizes}"
    return prefix + words(shape)
