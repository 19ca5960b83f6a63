"""Markdown: the formulas with numbers, each of the longest op that it describes."""

from collections.abc import Mapping

from roofprof.document.sections import WorkedExample
from roofprof.formatting import escaped
from roofprof.reports.markdown.text import code, joined, number, prose, table, times, whole
from roofprof.reports.markdown.view import View

_WORKED = {
    "gemm": "GEMM", "bmm": "BMM", "rmsnorm": "RMSNorm", "silu_and_mul": "SiLU Activation",
}  # fmt: skip
"""The reference document's formulas."""
_FURTHER = {"moe_gemm": "Grouped GEMM", "mla_decode": "MLA Decode", "mha_causal": "Causal Attention"}
"""Worked through in the appendix; the others have a line each there."""


def formulas(view: View) -> list[str]:
    """The reference document's formulas step by step."""
    examples = _examples(view)
    if not examples:
        return ["No op of these reports has a formula: range names carry no shapes.", ""]
    lines = _blocks(view, _WORKED)
    further = [code(name) for name in examples if name not in _WORKED]
    if further:
        lines += [f"In the appendix, with their numbers: {joined(further)}.", ""]
    return lines


def further_formulas(view: View) -> list[str]:
    """The others: long ones step by step, elementwise ones in a table; those without FLOPs move bytes alone."""
    examples = _examples(view)
    lines = _blocks(view, _FURTHER)
    rest = [e for name, e in examples.items() if name not in (*_WORKED, *_FURTHER) and e.worked.flop_count]
    if rest:
        lines += ["### Elementwise and Others", ""]
        heads = ["Formula", "FLOPs", "Op", "AI, formula", "AI, counted", "Work ratio", "Byte ratio"]
        lines += table(heads, [_line(view, example) for example in rest])
    moved = [e for e in examples.values() if not e.worked.flop_count]
    if moved:
        named = [f"{code(e.worked.formula)} {times(e.op.byte_ratio)}" for e in moved]
        lines += [f"Without FLOPs, so bytes alone, counted over formula: {joined(named)}.", ""]
    return lines or ["There is none.", ""]


def _examples(view: View) -> dict[str, WorkedExample]:
    return {example.worked.formula: example for example in view.sections.examples}


def _blocks(view: View, titles: Mapping[str, str]) -> list[str]:
    examples = _examples(view)
    return [line for name, title in titles.items() if name in examples for line in _block(view, title, examples[name])]


def _block(view: View, title: str, example: WorkedExample) -> list[str]:
    op, worked = example.op, example.worked
    flops = " = ".join(dict.fromkeys((worked.flop_expression, whole(worked.flop_count))))
    terms = " + ".join(f"{name.split(',')[0]} ({expression})" for name, expression in worked.byte_terms)
    lines = [f"### {title}: {view.op(op)}, {view.head(example.case)}", "", "```text", escaped(worked.says)]
    lines += [escaped(f"FLOPs = {flops}"), escaped(f"Bytes = {terms} = {whole(worked.dram_bytes)}")]
    if worked.arithmetic_intensity is not None:
        counts = f"{whole(worked.flop_count)} / {whole(worked.dram_bytes)}"
        lines += [f"AI    = {counts} = {number(worked.arithmetic_intensity)} FLOP/byte"]
    counted = f"{_or_unknown(op.flop_count)} / {_or_unknown(op.dram_bytes)} = {number(op.arithmetic_intensity)}"
    ratios = f"work ratio {times(op.work_ratio)}, byte ratio {times(op.byte_ratio)}"
    return [*lines, f"Measured: {counted} FLOP/byte; {ratios}", "```", ""]


def _line(view: View, example: WorkedExample) -> list[str]:
    op, worked = example.op, example.worked
    return [
        code(worked.formula), prose(worked.flop_expression), f"{view.op(op)}, {view.head(example.case)}",
        number(worked.arithmetic_intensity), number(op.arithmetic_intensity), times(op.work_ratio),
        times(op.byte_ratio),
    ]  # fmt: skip


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else whole(value)
