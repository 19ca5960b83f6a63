"""The first screen: per case what to optimise first, why, and what it would bring; then the same ops on the target."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

from roofprof.advice.answer import Answer, AnswerRow
from roofprof.document.cases import CaseOps, sum_of
from roofprof.formatting import escaped, format_number, format_percent, format_si, printable
from roofprof.reports.tables.lines import aligned, print_lines, shortened, strong, width_of, wrapped
from roofprof.reports.tables.ranks import collective_lines, rank_head, rank_legend
from roofprof.reports.tables.target import starred, target_lines
from roofprof.reports.tables.terminal import kernel_line
from roofprof.results.op import short_labels
from roofprof.results.report import RooflineReport

ROWS = 14
"""Rows of a case, so that it fits 25 lines."""
NARROWEST, WIDEST = 80, 160
TRY_FROM = 112
"""Columns from which `try` stands in the table; below it, the first ones stand under it."""
TRIES = 3
MORE = "--top 0 lists all"
"""How to see the rows that are left out, on the command line."""
_MOST_NAME = 44
"""Of an op, where reasons leave that much."""
_LEAST_NAME = 16
_TRY_NAME = 36
MILLISECONDS_FROM_NS = 1e9
"""Times of a second and more are no figures in microseconds."""


class _Cells(NamedTuple):
    rank: str
    op: str
    calls: str
    time: str
    share: str
    of_roof: str
    headroom: str
    why: str
    attempt: str


_OP, _WHY, _TRY = 1, 7, 8
_HEADINGS = _Cells("#", "op", "calls", "µs", "share", "of roof", "headroom", "why", "try")
_NOTHING = ("", "—")


class _Scale(NamedTuple):
    """The unit of the times of a table."""

    unit: str
    ns: float

    def of(self, ns: float | None) -> str:
        """Three significant digits, whole from 100 on; an em dash for unknown."""
        if ns is None:
            return "—"
        value = ns / self.ns
        return f"{value:,.0f}" if value >= 99.95 else format_number(value)


def print_answers(
    report: RooflineReport, answers: Sequence[Answer], out: TextIO, width: int, chosen: bool = False, more: str = MORE
) -> None:
    """Print every case, its ops on the target, and once what the figures stand on.

    Args:
        report: where they are from.
        answers: one per case.
        out: where to.
        width: columns of the terminal; 80 to 160 are used.
        chosen: whether the ops are not all of a case, so that no sum is a layer's.
        more: how to see the rows that a case leaves out.
    """
    width = max(NARROWEST, min(WIDEST, width))
    names = {id(op): name for op, name in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    targets = False
    for answer in answers:
        heads = _head(answer, width, chosen)
        print_lines(["", *(strong(line, out) for line in heads), *_rows(answer, names, width, more)], out)
        if report.ranks:
            print_lines(collective_lines(answer.case.layer, report, width), out)
        if report.projected and (target := target_lines(answer, names, width, _of_what(answer, chosen))):
            targets = True
            print_lines([*([""] if report.ranks else []), *target], out)
    print_lines(["", *(line for text in legend(report, answers, targets) for line in wrapped(text, width))], out)


def _head(answer: Answer, width: int, chosen: bool) -> list[str]:
    """The case and its figures, in as few lines as they fit."""
    return [line for parts in head_parts(answer, width // 2, chosen) for line in _packed(parts, width)]


def head_parts(answer: Answer, room: int | None = None, chosen: bool = False) -> list[list[str]]:
    """The case with its figures and, where there are several, its ranks: texts that stand side by side.

    Args:
        answer: of the case.
        room: characters for a report's name, at the most; longer ones are cut in the middle.
        chosen: whether the ops are not all of the case.
    """
    case = answer.case
    words = printable(_case(answer), room)
    told = [printable(case.told_apart_by, room)] if case.told_apart_by else []
    of_what = _of_what(answer, chosen)
    time = f"{format_si(answer.time_ns / 1e9, 's')} {of_what}" if answer.time_ns else "time unknown"
    parts = [words, *told, escaped(answer.case.gpu_words), time]
    known = [(bound, share) for bound, share in answer.bound_shares[:2] if (bound, share) != ("unknown", 1.0)]
    if known:
        of_time = "time" if answer.time_ns else f"of {format_si((case.time.known or 0.0) / 1e9, 's')} known"
        parts.append(f"{of_time} " + ", ".join(_bound_words(bound, share) for bound, share in known))
    if answer.headroom_ns is not None:
        reachable = f" ({format_percent(answer.reachable)})" if answer.reachable is not None else ""
        parts.append(f"reachable {format_si(answer.headroom_ns / 1e9, 's')}{reachable}")
    summary = case.source.ranks
    return [parts] if summary is None else [parts, rank_head(summary, case.rank_layer)]


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """Parts side by side, in as few lines as they fit."""
    lines: list[str] = []
    for part in parts:
        if lines and width_of(lines[-1]) + 3 + width_of(part) <= width:
            lines[-1] += f"   {part}"
        else:
            lines.append(part)
    return lines


def _of_what(answer: Answer, chosen: bool) -> str:
    """What the sum of a case's times is of."""
    return "of the ops chosen" if chosen else summed(answer.case)


def summed(case: CaseOps) -> str:
    """What a case adds up, in words: a layer, or all that was captured."""
    return "a layer" if case.adds_to_layer else "in all"


def _case(answer: Answer) -> str:
    """The case in few words, `decode, batch 64, KV 4096, cold`; what is no layer is called as its report."""
    case = answer.case
    if not (case.phase or case.batch or case.seq_len):
        name = "" if case.told_apart_by else case.report
        return ", ".join(part for part in (name, case.cache) if part and (part == name or part not in name))
    length = case.seq_len and f"{'KV' if case.phase == 'decode' else 'length'} {case.seq_len}"
    parts = [case.phase, case.batch and f"batch {case.batch}", length, case.cache]
    return ", ".join(str(part) for part in parts if part)


def _bound_words(bound: str, share: float) -> str:
    word = {"latency": "latency-bound", "unknown": "of unknown bound"}.get(bound, f"{bound}-bound")
    return f"{format_percent(share)} {word}"


def _rows(answer: Answer, names: dict[int, str], width: int, more: str) -> list[str]:
    """The table: columns that are empty in every row are left out, and what would fill them is said under it."""
    longest = max((row.time_ns or 0.0 for row in answer.rows), default=0.0)
    scale = _Scale("ms", 1e6) if longest >= MILLISECONDS_FROM_NS else _Scale("µs", 1e3)
    why_room = max((width_of(row.reason.why) for row in answer.rows), default=0)
    cells = [_cells(row, names[id(row.op)], scale) for row in answer.rows]
    if answer.folded:
        cells.append(_folded(answer, scale, more))
    headings = _HEADINGS._replace(time=scale.unit)
    unplaced = bool(answer.rows) and all(row.op.headroom_ns is None and row.op.of_roof is None for row in answer.rows)
    shown = [i for i in range(len(headings)) if any(row[i] not in _NOTHING for row in cells)]
    if all(row.times == 1 for row in (*answer.rows, *answer.folded)):
        shown = [i for i in shown if headings[i] != "calls"]
    if unplaced:
        shown = [i for i in shown if headings[i] not in ("of roof", "headroom", "why", "try")]
    elif width < TRY_FROM:
        shown = [i for i in shown if headings[i] != "try"]
    limits = _limits([headings, *cells], shown, width, why_room)
    cells = _with_names(cells, answer.rows, names, limits.get(_OP, _MOST_NAME))
    table = [tuple(escaped(row[i]) for i in shown) for row in (headings, *cells)]
    right = [headings[i] not in ("op", "why", "try") for i in shown]
    lines = aligned(table, right, {place: limits[i] for place, i in enumerate(shown) if i in limits})
    if unplaced:
        lines += wrapped(_no_roof(answer), width)
    elif width < TRY_FROM:
        told = [row for row in answer.rows if row.reason.attempt and row.counted]
        lines += [_try_line(names[id(row.op)], row.reason.attempt or "", width) for row in told[:TRIES]]
    return lines


def _try_line(name: str, attempt: str, width: int) -> str:
    """What to try; the name gives way to it."""
    room = max(_LEAST_NAME, min(_TRY_NAME, width - width_of(f"  try, : {attempt}")))
    return shortened(f"  try, {printable(name, room)}: {escaped(attempt)}", width)


def _limits(rows: Sequence[_Cells], shown: Sequence[int], width: int, why_room: int) -> dict[int, int]:
    """The most that `op`, `why` and `try` may take: names give way to reasons, as far as they are told apart."""
    taken = sum(max(width_of(row[i]) for row in rows) + 1 for i in shown if i not in (_OP, _WHY, _TRY))
    room = width - taken
    name = min(_MOST_NAME, max(width_of(row[_OP]) for row in rows))
    if _WHY not in shown:
        return {_OP: min(name, room)}
    attempt = max(width_of(row[_TRY]) for row in rows) + 1 if _TRY in shown else 0
    name = min(name, max(_LEAST_NAME, room - why_room - attempt - 1))
    rest = room - name - 1
    if attempt and why_room + attempt > rest:
        attempt = min(attempt, max(rest // 2, rest - why_room))
    return {_OP: name, _WHY: min(why_room, rest - attempt), _TRY: max(attempt - 1, 0)}


def _no_roof(answer: Answer) -> str:
    """What is missing where no row has a roof, and what would help."""
    ops = [row.op for row in answer.rows]
    lacking = [
        word
        for word, field in (("time", "time_ns"), ("DRAM bytes", "dram_bytes"), ("FLOPs", "flop_count"))
        if all(getattr(op, field) is None for op in ops)
    ]
    if not lacking:
        return f"no roof: the peaks of {answer.case.gpu_words}, or FLOPs or bytes, are unknown: --explain tells which"
    words = " and ".join(part for part in (", ".join(lacking[:-1]), lacking[-1]) if part)
    return f"no roof, no headroom: {words} unknown, for counters are missing (see findings)"


def _with_names(
    cells: Sequence[_Cells], rows: Sequence[AnswerRow], names: Mapping[int, str], most: int
) -> list[_Cells]:
    """The lines with their ops' names, of so many characters; a line of folded rows stays as it is."""
    labels = starred([names[id(row.op)] for row in rows], [row.counted for row in rows], most)
    named = [line._replace(op=label) for line, label in zip(cells, labels, strict=False)]
    return [*named, *cells[len(named) :]]


def _cells(row: AnswerRow, name: str, scale: _Scale) -> _Cells:
    op = row.op
    return _Cells(
        str(row.rank),
        name if row.counted else f"{name} *",
        str(row.times),
        scale.of(row.time_ns),
        format_percent(row.share),
        format_percent(op.of_roof),
        scale.of(row.headroom_ns),
        row.reason.why,
        row.reason.attempt or "—",
    )


def _folded(answer: Answer, scale: _Scale, more: str) -> _Cells:
    """The ops that are small together, in one line."""
    times, headroom = (
        sum_of(getattr(row, field) for row in answer.folded if row.counted) for field in ("time_ns", "headroom_ns")
    )
    what = "ops" if all(row.op.kind == "op" for row in answer.folded) else "rows"
    share = times.value / answer.time_ns if times.value is not None and answer.time_ns else None
    return _Cells(
        "", f"and {len(answer.folded)} more {what}", "", scale.of(times.value), format_percent(share), "",
        scale.of(headroom.known), more, "",
    )  # fmt: skip


def legend(
    report: RooflineReport, answers: Sequence[Answer], targets: bool = True, each_call: bool = True
) -> list[str]:
    """What the figures stand on, once for all cases.

    Args:
        report: where they are from.
        answers: one per case.
        targets: whether ops on the target were shown.
        each_call: whether rows count each call, as sums do; else they are of one.
    """
    roofs = {roof for answer in answers for roof in answer.roofs}
    lines = []
    if "shipped" in roofs and report.ceilings:
        lines.append(
            f"of roof, headroom: against roofs measured on another {report.ceilings.gpu}; "
            "your own: roofprof ceilings -o FILE, then --ceilings FILE"
        )
    elif "measured" in roofs:
        lines.append("of roof, headroom: against the roofs measured on this GPU")
    if "datasheet" in roofs:
        some = "where none was measured, " if len(roofs) > 1 else "of roof, headroom: "
        lines.append(f"{some}against the datasheet, which nothing reaches; measure: roofprof ceilings -o FILE")
    if words := kernel_line(report):
        lines.append(words)
    whose = {op.time_source for op in report.ops}
    source = "nsys, the union of an op's kernels" if whose == {"nsys"} else "ncu" if whose == {"ncu"} else "nsys or ncu"
    several = any(row.times > 1 for answer in answers for row in (*answer.rows, *answer.folded))
    if any(op.time_ns is not None for op in report.ops):
        words = "calls x median call" if each_call else "median call; sums and shares count every call"
        lines.append(f"time: {source}, {words if several else 'median call'}")
    if report.ranks:
        lines += rank_legend(report)
    if any(not row.counted for answer in answers for row in (*answer.rows, *answer.folded)):
        lines.append("*: in no sum of the layer: once a step for all layers, or a further implementation of an op")
    if report.projected and targets:
        useful = "; AI useful: the formula's FLOPs / measured bytes" if any(op.useful for op in report.ops) else ""
        lines.append(f"{report.target.name}: {report.target.source}{useful}")
    return lines
