"""Ops that every part of a served layer has: norms, and products behind the quantisation of their input."""

from collections.abc import Iterator

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.recipes import Format


def add_norm(case: ServedCase, op: str) -> OpSpec:
    """The residual add and norm of the whole width."""
    return OpSpec(op, "add_rmsnorm", {"m": case.tokens, "d": case.model.hidden})


def quantised(op: str, m: float, k: int, form: Format) -> Iterator[OpSpec]:
    """The quantisation of an op's input, where its inputs are not bf16."""
    if form.inputs != "bf16":
        yield OpSpec(f"quant_{op}", "quant", {"m": m, "k": k, "precision": form.inputs})


def product(case: ServedCase, op: str, n: int, k: int, form: Format, m: int | None = None) -> Iterator[OpSpec]:
    """A projection, behind the quantisation of its input where the recipe asks for one."""
    rows = m or case.tokens
    yield from quantised(op, rows, k, form)
    yield in_format(op, ("gemm", "gemm_w4"), {"m": rows, "n": n, "k": k}, form)


def in_format(op: str, formulas: tuple[str, str], shape: Shape, form: Format) -> OpSpec:
    """A product in a format, by the first formula or, where its weights have 4 bits in groups, by the second."""
    plain, grouped = formulas
    precisions: Shape = {"precision": form.inputs, "output": "bf16"}
    if form.group is None:
        return OpSpec(op, plain, shape | precisions)
    groups: Shape = {"g": form.group or shape["k"], "sb": form.scale_bytes}
    return OpSpec(op, grouped, shape | groups | precisions)
