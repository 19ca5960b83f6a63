"""Worked formulas: each expression, calculated, gives the formula's figure."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formulas.layer import RECIPES, LayerCase, layer_ops
from roofprof.formulas.models import evaluate
from roofprof.formulas.range_names import Shape
from roofprof.formulas.traced import Traced, ceil_div, traced
from roofprof.formulas.worked import worked_formula


def value(expression: str) -> float:
    """What an expression of the report comes to."""
    assert re.fullmatch(r"[\d.+×/()⌈⌉ -]+", expression), expression
    plain = expression.replace("×", "*").replace("⌈", "ceil(").replace("⌉", ")")
    return float(eval(plain, {"ceil": math.ceil}))


def applied(made: tuple[str, Traced, Traced]) -> Traced:
    """Two numbers joined by a sign; `c` divides two sizes and rounds up. Never by what is nearly 0."""
    sign, a, b = made
    if sign == "c":
        return traced(ceil_div(a, b)) if a.text.isdigit() and b.text.isdigit() else a
    if sign == "/":
        return a / b if abs(b) > 0.1 else a
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("phase", "batch", "length"), [("decode", 64, 4096), ("decode", 1, 1000), ("prefill", 2, 100)])
def test_every_line_adds_up(recipe: str, phase: str, batch: int, length: int) -> None:
    seen = set()
    for layer in ("moe", "dense"):
        for spec in layer_ops(LayerCase(phase, batch, length, RECIPES[recipe], layer)):  # type: ignore[arg-type]
            worked = worked_formula(spec.formula, spec.shape)
            assert worked is not None
            seen.add(spec.formula)
            assert value(worked.flop_expression) == pytest.approx(spec.work.flop_count, rel=1e-12)
            terms = sum(value(expression) for _, expression in worked.byte_terms)
            assert terms == pytest.approx(spec.work.dram_bytes, rel=1e-12)
            assert worked.arithmetic_intensity == spec.work.arithmetic_intensity
    assert len(seen) > 8


def test_precision_that_a_quantisation_leaves_out_is_fp8() -> None:
    worked = worked_formula("quant", {"m": 4, "k": 256})
    assert worked is not None
    assert sum(value(expression) for _, expression in worked.byte_terms) == worked.dram_bytes


SHAPES: dict[str, Shape] = {
    "moe_fused": {"m": 3, "i": 200, "d": 300, "e": 2.5, "precision": "fp8"},
    "topk_ungrouped": {"m": 3},
    "moe_align": {"m": 65, "u": 9},
    "gather_rows": {"m": 3, "r": 24, "k": 130},
    "moe_sum": {"m": 3, "d": 130},
    "merge_state": {"m": 3, "h": 16},
    "all_reduce": {"m": 3, "d": 130, "t": 4},
    "all_to_all": {"m": 3, "d": 130, "w": 4, "precision": "fp8"},
    "all_reduce_nvls": {"m": 3, "d": 130, "t": 4},
    "all_gather": {"m": 3, "d": 130, "t": 4, "precision": "fp8"},
    "reduce_scatter": {"m": 3, "d": 130, "t": 4},
    "all_to_all_dedup": {"m": 3, "d": 130, "w": 4, "precision": "fp8"},
    "mha_causal": {"b": 2, "s": 100, "p": 33},
}


@pytest.mark.parametrize("formula", SHAPES)
def test_every_formula_has_lines_that_add_up(formula: str) -> None:
    work, worked = evaluate(formula, SHAPES[formula]), worked_formula(formula, SHAPES[formula])
    assert worked is not None
    assert value(worked.flop_expression) == pytest.approx(work.flop_count, rel=1e-12)
    named = dict(worked.byte_terms)
    assert len(named) == len(work.reads) + len(work.writes)
    assert sum(map(value, named.values())) == pytest.approx(work.dram_bytes, rel=1e-12)


def test_every_size_of_the_shape_stands_in_the_expression() -> None:
    worked = worked_formula("gemm", {"m": 61, "n": 2112, "k": 7168, "precision": "fp8", "output": "bf16"})
    assert worked is not None
    assert worked.flop_expression == "2 × 61 × 2112 × 7168"
    assert dict(worked.byte_terms) == {
        "input, read": "61 × 7168 + 4 × 61 × ⌈7168/128⌉",
        "weight, read": "2112 × 7168 + 4 × ⌈2112/128⌉ × ⌈7168/128⌉",
        "output, written": "61 × 2112 × 2",
    }


@pytest.mark.parametrize(("formula", "shape"), [("gem", {"m": 1}), ("gemm", {"m": 1}), ("quant", {"m": 1, "k": 0})])
def test_a_formula_or_shape_of_another_version_has_no_lines(formula: str, shape: Shape) -> None:
    assert worked_formula(formula, shape) is None


NUMBERS = st.one_of(st.integers(1, 9000), st.floats(0.5, 100).map(lambda x: round(x, 2)))


@given(st.recursive(NUMBERS.map(Traced), lambda inner: st.tuples(st.sampled_from("+-*/c"), inner, inner).map(applied)))
def test_an_expression_is_worth_its_value(number: Traced) -> None:
    assert value(number.text) == pytest.approx(float(number), rel=1e-9, abs=1e-9)
