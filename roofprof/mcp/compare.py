"""The tool compare: what `roofprof diff` says of two analyses."""

from roofprof.changes.op_diff import OpDiff
from roofprof.library.diff import DiffReport, diff
from roofprof.mcp.answers import CaseChange, Changed, Comparison
from roofprof.mcp.reading import Read
from roofprof.mcp.top_ops import RAISE_TOP
from roofprof.reports.tables.diff import ShownDiff, text_lines

_WIDTH = 120


def compare(before: Read, after: Read, threshold: float, top: int) -> tuple[str, Comparison]:
    """Two analyses op by op, as text and as data.

    Args:
        before: an analysis.
        after: another, or the same.
        threshold: a change within this fraction is none.
        top: how many ops, of largest change.
    """
    found = diff(before.report, after.report, threshold=threshold)
    rows = sorted(found.data.rows, key=lambda op: -abs(op.change_ns or 0.0))
    notes = [*before.notes, *after.notes, *found.notes]
    text = text_lines(ShownDiff(found.data, found.names), _WIDTH, top, RAISE_TOP)
    return "\n".join(text), Comparison(
        before=before.report.name,
        after=after.report.name,
        threshold=threshold,
        verdicts=dict(found.verdicts),
        cases=_cases(found),
        ops=[_changed(op) for op in rows[:top]],
        left_out=max(0, len(rows) - top),
        only_before=[case.title for case in found.data.only_a],
        only_after=[case.title for case in found.data.only_b],
        notes=notes,
    )


def _cases(found: DiffReport) -> list[CaseChange]:
    changes = []
    for case in found.data.cases:
        old, new = case.times_ns
        ratio = new / old if old and new is not None else None
        changes.append(CaseChange(case=case.title, before_time_ns=old, after_time_ns=new, time_ratio=ratio))
    return changes


def _changed(op: OpDiff) -> Changed:
    factors = op.factors
    return Changed(
        op=op.op,
        case=op.case,
        verdict=op.verdict.value,
        before_time_ns=op.a.time_ns if op.a else None,
        after_time_ns=op.b.time_ns if op.b else None,
        time_ratio=op.ratio("time_ns"),
        dram_bytes_ratio=op.ratio("dram_bytes"),
        flop_count_ratio=op.ratio("flop_count"),
        work_factor=factors.work if factors else None,
        byte_factor=factors.bytes if factors else None,
        efficiency_factor=factors.efficiency if factors else None,
        kernels_changed=op.kernels_changed,
        too_few_calls=op.too_few_calls,
    )
