"""The first screen: per case what to optimise first, why, and what it would bring; then the same ops on the target."""

from collections.abc import Sequence
from typing import NamedTuple, TextIO

from roofprof.advice.answer import Answer, AnswerRow, TargetRow, target_rows
from roofprof.document.cases import sum_of
from roofprof.formatting import escaped, format_number, format_percent, format_si, printable
from roofprof.reports.tables.lines import aligned, microseconds, print_lines, shortened, strong, width_of, wrapped
from roofprof.reports.tables.ranks import collective_lines, rank_head, rank_legend
from roofprof.reports.tables.terminal import kernel_line
from roofprof.results.op import short_labels
from roofprof.results.report import RooflineReport

ROWS = 14
"""Rows of a case, so that it fits 25 lines."""
TARGET_ROWS = 8
NARROWEST, WIDEST = 80, 160
TRY_FROM = 112
"""Columns from which `try` stands in the table; below it, the first ones stand under it."""
TRIES = 3
_NAME_WIDTHS = (20, 30)
"""Of an op at most: on a narrow screen, on a wide one."""


class _Cells(NamedTuple):
    rank: str
    op: str
    time: str
    share: str
    of_roof: str
    headroom: str
    why: str
    attempt: str


_HEADINGS = _Cells("#", "op", "µs", "share", "of roof", "headroom", "why", "try")


def print_answers(report: RooflineReport, answers: Sequence[Answer], out: TextIO, width: int) -> None:
    """Print every case, its ops on the target, and once what the figures stand on.

    Args:
        report: where they are from.
        answers: one per case.
        out: where to.
        width: columns of the terminal; 80 to 160 are used.
    """
    width = max(NARROWEST, min(WIDEST, width))
    names = {id(op): name for op, name in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    for answer in answers:
        heads = [shortened(escaped(line), width) for line in head(answer, width)]
        print_lines(["", *(strong(line, out) for line in heads), *_rows(answer, names, width)], out)
        if report.ranks:
            print_lines(collective_lines(answer.case.layer, report.gpu, width), out)
        if report.projected and answer.rows:
            print_lines([*([""] if report.ranks else []), *_target(answer, names, width)], out)
    print_lines(["", *(line for text in legend(report, answers) for line in wrapped(text, width))], out)


def head(answer: Answer, width: int) -> list[str]:
    """The case and its figures: one line where it fits, else two."""
    case = answer.case
    words = _case(answer) or case.report
    gpu = _profiled(answer)
    time = f"{format_si(answer.time_ns / 1e9, 's')} {_of_what(answer)}" if answer.time_ns else "time unknown"
    bound = "time " + ", ".join(_bound_words(bound, share) for bound, share in answer.bound_shares[:2])
    first = [words, *([case.told_apart_by] if case.told_apart_by else []), gpu, time]
    second = [bound] if answer.bound_shares else []
    if answer.headroom_ns is not None:
        reachable = f" ({format_percent(answer.reachable)})" if answer.reachable is not None else ""
        second.append(f"reachable {format_si(answer.headroom_ns / 1e9, 's')}{reachable}")
    whole = "   ".join([*first, *second])
    lines = [whole] if len(whole) <= width else ["   ".join(first), "   ".join(second)]
    summary = case.source.ranks
    return lines if summary is None else [*lines, rank_head(summary, answer.ranks)]


def _of_what(answer: Answer) -> str:
    """What the sum of a case's times is of: of kernels with several launches it is one call of each."""
    case = answer.case
    if case.phase in ("decode", "prefill"):
        return "a layer"
    return "one call each" if any(op.calls > 1 for op in case.layer) else "in all"


def _case(answer: Answer) -> str:
    """The case in few words, `decode, batch 64, KV 4096, cold`."""
    case = answer.case
    length = case.seq_len and f"{'KV' if case.phase == 'decode' else 'length'} {case.seq_len}"
    parts = [case.phase, case.batch and f"batch {case.batch}", length, case.cache]
    return ", ".join(str(part) for part in parts if part)


def _bound_words(bound: str, share: float) -> str:
    word = {"latency": "latency-bound", "unknown": "of unknown bound"}.get(bound, f"{bound}-bound")
    return f"{format_percent(share)} {word}"


def _profiled(answer: Answer) -> str:
    source = answer.case.source
    spec = source.gpu if answer.case.gpu == source.gpu.name else None
    return spec.sku.split(",")[0] if spec else answer.case.gpu


def _rows(answer: Answer, names: dict[int, str], width: int) -> list[str]:
    rows = [_cells(row, names[id(row.op)], width) for row in answer.rows]
    if answer.folded:
        rows.append(_folded(answer))
    tries = width >= TRY_FROM
    room = width - _fixed_width(rows)
    why = max((width_of(row.why) for row in rows), default=0)
    attempt = max((width_of(row.attempt) for row in rows), default=0)
    if tries and why + attempt + 1 > room:
        attempt = min(attempt, max(room // 2, room - 1 - why))
        why = room - 1 - attempt
    limits = {6: min(why, room), 7: attempt}
    count = len(_HEADINGS) if tries else len(_HEADINGS) - 1
    right = [name not in ("op", "why", "try") for name in _HEADINGS[:count]]
    lines = aligned([_HEADINGS[:count], *(tuple(map(escaped, row[:count])) for row in rows)], right, limits)
    if not tries:
        told = [row for row in answer.rows if row.reason.attempt and row.counted]
        lines += [
            shortened(escaped(f"  try, {names[id(row.op)]}: {row.reason.attempt}"), width) for row in told[:TRIES]
        ]
    return lines


def _cells(row: AnswerRow, name: str, width: int) -> _Cells:
    op = row.op
    return _Cells(
        str(row.rank),
        _name(name, row.counted, width),
        microseconds(op.time_ns),
        format_percent(row.share),
        format_percent(op.of_roof),
        microseconds(op.headroom_ns),
        row.reason.why,
        row.reason.attempt or "—",
    )


def _name(name: str, counted: bool, width: int) -> str:
    """An op's label, with a star where it is in no sum of the layer."""
    room = _NAME_WIDTHS[width >= TRY_FROM]
    return printable(name, room) if counted else f"{printable(name, room - 2)} *"


def _folded(answer: Answer) -> _Cells:
    """The ops that are small together, in one line."""
    times, headroom = (
        sum_of(getattr(row.op, field) for row in answer.folded if row.counted) for field in ("time_ns", "headroom_ns")
    )
    what = "ops" if all(row.op.kind == "op" for row in answer.folded) else "rows"
    share = times.value / answer.time_ns if times.value is not None and answer.time_ns else None
    return _Cells(
        "", f"and {len(answer.folded)} more {what}", microseconds(times.value), format_percent(share), "",
        microseconds(headroom.known), "--top 0 lists all", "",
    )  # fmt: skip


def _fixed_width(rows: Sequence[_Cells]) -> int:
    """Characters beside `why` and `try`, a space after each."""
    total = 0
    for i, heading in enumerate(_HEADINGS[:6]):
        total += max(width_of(heading), *(width_of(row[i]) for row in rows), 0) + 1 if rows else width_of(heading) + 1
    return total


def _target(answer: Answer, names: dict[int, str], width: int) -> list[str]:
    source = answer.case.source
    least = sum_of(row.least_time_ns for row in target_rows(answer.case, answer.case.layer))
    words = "" if least.value is None else f": at least {format_si(least.value / 1e9, 's')} {_of_what(answer)}"
    counted = {id(op) for op in answer.case.layer}
    rows = target_rows(answer.case, [row.op for row in answer.rows[:TARGET_ROWS]])
    cells = [_target_cells(row, _name(names[id(row.op)], id(row.op) in counted, width)) for row in rows]
    headings = ("op", "AI meas.", "AI useful", "bound", "attainable", "least µs")
    right = [name not in ("op", "bound") for name in headings]
    head = shortened(f"the same ops on {escaped(source.target.name)}, extrapolated{words}", width)
    return [head, *aligned([headings, *(tuple(map(escaped, row)) for row in cells)], right, gap=2)]


def _target_cells(row: TargetRow, name: str) -> tuple[str, ...]:
    least = microseconds(row.least_time_ns)
    return (
        name,
        format_number(row.op.arithmetic_intensity),
        format_number(row.useful_intensity),
        {"memory": "memory", "compute": "compute", "communication": "comm."}.get(row.bound or "", "—"),
        format_si(row.attainable_flop_per_s, "FLOP/s"),
        f"{least} (launch)" if row.by_launch else least,
    )


def legend(report: RooflineReport, answers: Sequence[Answer]) -> list[str]:
    """What the figures stand on, once for all cases."""
    roofs = {roof for answer in answers for roof in answer.roofs}
    lines = []
    if "shipped" in roofs and report.ceilings:
        lines.append(
            f"of roof, headroom: against roofs measured on another {report.ceilings.gpu}; "
            "your own: roofprof ceilings, --ceilings"
        )
    elif "measured" in roofs:
        lines.append("of roof, headroom: against the roofs measured on this GPU")
    if "datasheet" in roofs:
        some = "where none was measured, " if len(roofs) > 1 else "of roof, headroom: "
        lines.append(f"{some}against the datasheet, which nothing reaches: roofprof ceilings measures what can be")
    if words := kernel_line(report):
        lines.append(words)
    whose = {op.time_source for op in report.ops}
    source = "nsys, the union of an op's kernels" if whose == {"nsys"} else "ncu" if whose == {"ncu"} else "nsys or ncu"
    lines.append(f"µs: {source}, median call")
    if report.ranks:
        lines += rank_legend(report.ops, report.gpu)
    if any(not row.counted for answer in answers for row in (*answer.rows, *answer.folded)):
        lines.append("*: in no sum of the layer: once a step for all layers, or a further implementation of an op")
    if report.projected:
        lines.append(f"{report.target.name}: {report.target.source}; AI useful: the formula's FLOPs / measured bytes")
    return lines
