"""Worked formulas: each expression, calculated, gives the formula's figure."""

import math
import re

import pytest

from roofprof.formulas.layer import RECIPES, LayerCase, layer_ops
from roofprof.formulas.worked import worked_formula


def value(expression: str) -> float:
    """What an expression of the report comes to."""
    plain = re.sub(r"⌈(\d+)/(\d+)⌉", lambda m: str(math.ceil(int(m[1]) / int(m[2]))), expression)
    plain = plain.replace("×", "*")
    assert re.fullmatch(r"[\d.+*/() ]+", plain), plain
    return float(eval(plain))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("phase", "batch", "length"), [("decode", 64, 4096), ("decode", 1, 1000), ("prefill", 2, 100)])
def test_every_line_adds_up(recipe: str, phase: str, batch: int, length: int) -> None:
    seen = set()
    for layer in ("moe", "dense"):
        for spec in layer_ops(LayerCase(phase, batch, length, RECIPES[recipe], layer)):  # type: ignore[arg-type]
            worked = worked_formula(spec.formula, spec.shape)
            if worked is None:
                assert spec.formula in {"moe_prepare", "moe_permute"}
                continue
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


def test_a_formula_without_lines() -> None:
    assert worked_formula("all_reduce", {"m": 1, "d": 2, "t": 3}) is None
