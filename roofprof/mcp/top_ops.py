"""The tool top_ops: the first screen as data, and as the text that it is."""

import io
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from roofprof.advice.answer import Answer, AnswerRow, TargetRow, answer_of, by_headroom, by_time, target_rows
from roofprof.advice.notes import notes_of
from roofprof.document.cases import cases_of
from roofprof.findings import Severity
from roofprof.mcp.answers import BoundShare, OnTarget, RankedCase, RankedOp, TopOps
from roofprof.mcp.reading import Read
from roofprof.reports.tables.answer import legend, print_answers
from roofprof.reports.tables.findings import finding_lines
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

Sort = Literal["headroom", "time"]
MAX_CASES = 4
"""Of one answer; more are named."""
RAISE_TOP = "raise top for more"
"""How a client sees the rows that are left out."""
_WIDTH = 120
_ORDERS = {"headroom": by_headroom, "time": by_time}


def top_ops(read: Read, sort: Sort, top: int) -> tuple[str, TopOps]:
    """The ops of each case, as text and as data.

    Args:
        read: an analysis, of the cases that were asked for.
        sort: by what.
        top: how many of each case.
    """
    report = read.report.data
    cases = cases_of([report])
    answers = [answer_of(case, _ORDERS[sort], top, every=True) for case in cases[:MAX_CASES]]
    further = [case.title for case in cases[MAX_CASES:]]
    notes = [*read.notes, *report.notes]
    text = io.StringIO()
    print_answers(report, answers, text, _WIDTH, more=RAISE_TOP)
    lines = [text.getvalue().strip("\n"), *(f"note: {note}" for note in notes)]
    if further:
        lines.append(f"and {len(further)} more cases: {'; '.join(further)}")
    found = notes_of(report, report.ops)
    lines += finding_lines(found.act_on)
    return "\n".join(lines), TopOps(
        path=read.report.name,
        gpu=report.gpu.name,
        target=report.target.name,
        cases=[_case(report, answer) for answer in answers],
        cases_left_out=further,
        legend=legend(report, answers, report.projected),
        notes=notes,
        findings=dict(Counter(finding.kind for finding in (*found.act_on, *found.doubtful))),
    )


def _case(report: RooflineReport, answer: Answer) -> RankedCase:
    case = answer.case
    targets: Mapping[int, TargetRow] = (
        {id(row.op): row for row in target_rows(case, [row.op for row in answer.rows])} if report.projected else {}
    )
    return RankedCase(
        case=case.title,
        report=case.report,
        phase=case.phase,
        batch=case.batch,
        seq_len=case.seq_len,
        cache=case.cache,
        gpu=case.gpu,
        time_ns=answer.time_ns,
        headroom_ns=answer.headroom_ns,
        reachable=answer.reachable,
        bounds=[BoundShare(bound=bound, share=share) for bound, share in answer.bound_shares],
        ops=[_op(row, targets.get(id(row.op))) for row in answer.rows],
        left_out=len(answer.folded),
    )


def _op(row: AnswerRow, target: TargetRow | None) -> RankedOp:
    op = row.op
    return RankedOp(
        rank=row.rank,
        op=op.op,
        implementation=op.implementation,
        kind="kernel" if op.kind == "kernel" else "op",
        calls=row.times,
        time_ns=row.time_ns,
        share=row.share,
        of_roof=op.of_roof,
        headroom_ns=row.headroom_ns,
        headroom_roof=op.headroom_roof,
        bound=op.measured_on.bound,
        why=row.reason.why,
        attempt=row.reason.attempt,
        in_layer=row.counted,
        formula=op.formula.name if op.formula else None,
        doubts=doubts_of(op),
        on_target=on_target(target) if target else None,
    )


def doubts_of(op: OpResult) -> list[str]:
    """Kinds of the findings that put an op's numbers in doubt."""
    return list(dict.fromkeys(found.kind for found in op.findings if found.severity is not Severity.INFO))


def on_target(row: TargetRow) -> OnTarget:
    """The op on another GPU than the profiled one."""
    return OnTarget(
        source="extrapolated",
        bound=row.bound,
        attainable_flop_per_s=row.attainable_flop_per_s,
        least_time_ns=row.least_time_ns,
        by_launch=row.by_launch,
    )
