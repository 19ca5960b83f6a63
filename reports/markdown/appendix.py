"""Markdown: the appendix: every op of every case, and what its findings mean."""

from roofprof.document.cases import CaseOps
from roofprof.findings import KINDS
from roofprof.reports.markdown.text import code, number, percent, prose, seconds, table, word
from roofprof.reports.markdown.view import View
from roofprof.results.op import OpResult


def all_ops(view: View) -> list[str]:
    """Every op, cases side by side."""
    groups = view.columns(case for case in view.sections.headline if case.ops or case.step_ops)
    if not groups:
        return ["No op was measured.", ""]
    lines = ["Time, part of the roof reached, AI by formula → measured (FLOP/byte); in launch order.", ""]
    for cases in groups:
        rows = [
            [name, view.kernels(cases, ops), *(_cell(view, op) for op in ops)] for name, ops in view.by_op(cases)
        ]  # fmt: skip
        lines += table(["Op", f"By, on {code(cases[0].gpu)}", *map(view.head, cases)], rows)
    return lines


def _cell(view: View, op: OpResult | None) -> str:
    if op is None:
        return "—"
    ours = number(op.formula.arithmetic_intensity) if op.formula else "—"
    calls = f"{times} × " if (times := view.rows[id(op)].times) > 1 else ""
    return f"{calls}{seconds(op.time_ns)}, {percent(op.of_roof)}, {ours} → {number(op.arithmetic_intensity)}"


def findings(view: View) -> list[str]:
    """Which findings the ops have, in words, with the hint of the first."""
    cases: list[CaseOps] = list(view.sections.cases)
    ops = [op for case in cases for op in (*case.ops, *case.step_ops)]
    rows = []
    for kind, declared in KINDS.items():
        own = [op for op in ops if any(f.kind == kind for f in op.findings)]
        if own:
            names = list(dict.fromkeys(view.op(op) for op in own))
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            meaning = declared.meaning[0].upper() + declared.meaning[1:]
            hints = (f.hint for op in own for f in op.findings if f.kind == kind and f.hint)
            rows.append([prose(meaning), str(len(own)), ", ".join(names[:3]) + more, word(next(hints, None))])
    return table(["Finding", "Rows", "Ops", "Hint"], rows) if rows else ["No op has a finding.", ""]
