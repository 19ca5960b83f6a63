"""A diff as Markdown: the verdict and what changed first, the rest folded away."""

from collections.abc import Sequence

from roofprof.changes.diff import CaseDiff
from roofprof.changes.judge import Verdict
from roofprof.changes.op_diff import OpDiff
from roofprof.formatting import format_percent, quantity
from roofprof.reports.markdown.text import code, prose, table
from roofprof.reports.tables.diff import (
    ShownDiff,
    case_head,
    change,
    factor_words,
    headroom_change,
    signed_us,
    summary,
    us,
)

_QUIET = (Verdict.WITHIN,)
_HEADINGS = ("op", "before", "after", "time", "DRAM bytes", "FLOPs", "AI", "of roof", "headroom, µs",
             "work x bytes x efficiency", "verdict")  # fmt: skip


def render_diff(shown: ShownDiff) -> str:
    """The document, one newline at its end."""
    lines = [f"### roofprof: {prose(shown.names[0])} → {prose(shown.names[1])}", "", f"**{prose(summary(shown))}**", ""]
    for case in shown.diff.cases:
        lines += _case(case)
    if not shown.diff.cases:
        lines += ["Nothing in common: no case, no op of one name.", ""]
    lines += [f"- {prose(note)}" for note in shown.diff.notes]
    return "\n".join(lines).rstrip() + "\n"


def _case(case: CaseDiff) -> list[str]:
    loud = [op for op in case.ops if op.verdict not in _QUIET]
    quiet = [op for op in case.ops if op.verdict in _QUIET]
    lines = [f"#### {prose(case_head(case))}", ""]
    if loud:
        lines += [*table(_HEADINGS, [_row(op) for op in loud]), ""]
    if quiet:
        lines += [f"<details><summary>{quantity(len(quiet), 'op')} within the threshold</summary>", ""]
        lines += [*table(_HEADINGS, [_row(op) for op in quiet]), "", "</details>", ""]
    return lines


def _row(op: OpDiff) -> Sequence[str]:
    old, new = (
        us(side.time_ns if side else None) + (" µs" if side and side.time_ns is not None else "")
        for side in (op.a, op.b)
    )
    roof = " → ".join(format_percent(side.of_roof if side else None) for side in (op.a, op.b))
    words = str(op.verdict) + (", other kernels" if op.kernels_changed else "")
    words += ", fewer than 3 calls a side" if op.too_few_calls else ""
    ratios = (change(op.ratio(field)) for field in ("time_ns", "dram_bytes", "flop_count", "arithmetic_intensity"))
    return [code(op.op), old, new, *ratios, roof, signed_us(headroom_change(op)), factor_words(op), words]
