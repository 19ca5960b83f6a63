"""Markdown: the answer on top: what binds each case, what to do first, what the target would give."""

import re

from roofprof.advice.answer import AnswerRow, target_rows
from roofprof.advice.causes import cause_shares
from roofprof.document.cases import CaseOps
from roofprof.formatting import format_percent, quantity
from roofprof.reports.markdown.text import bullets, code, known, percent, prose, seconds, table
from roofprof.reports.markdown.view import View
from roofprof.reports.tables.answer import legend
from roofprof.reports.tables.ranks import collective_table, rank_head

FIRST = 3
"""Ops of each case in the table of what to do first."""
_CAUSES_SHOWN = 3
_LINKABLE = re.compile(r"[\w.-]+")


def summary(view: View) -> list[str]:
    """The first page."""
    cases = view.sections.cases
    if not cases:
        return [*_picture(view), "No case: no launch lies in a range.", ""]
    return [*_picture(view), *_cases(view), *_first(view), *_ranks(view), *_target(view), *_stands_on(view)]


def _picture(view: View) -> list[str]:
    link = f"[{prose(view.picture)}]({view.picture})" if _LINKABLE.fullmatch(view.picture) else code(view.picture)
    return [f"Picture: {link}, drawn by `roofprof report` with that name after `-o`.", ""]


def _cases(view: View) -> list[str]:
    rows = []
    for case in view.sections.cases:
        answer = view.answer(case)
        reach = "—"
        if answer.headroom_ns is not None:
            reach = f"{seconds(answer.headroom_ns)} ({percent(answer.reachable)})"
            reach += f", {quantity(answer.unplaced, 'op')} unknown" if answer.unplaced else ""
        time = known(case.time, seconds)
        rows.append([prose(case.title), code(case.gpu), time, binding(view, case), reach])
    return table(["Case", "On", "One layer" if "layer" in view.whole else "Time", "What binds", "Reachable"], rows)


def binding(view: View, case: CaseOps) -> str:
    """Shares of time by what binds, the small ones left out: `34 % few blocks, 33 % memory-bound`."""
    shares = cause_shares(view.answer(case))
    words = [f"{format_percent(share.share)} {prose(share.cause)}" for share in shares[:_CAUSES_SHOWN]]
    return ", ".join(words) or "—"


def first_rows(view: View, case: CaseOps) -> list[AnswerRow]:
    """The rows of a case with most to win, of the layer's own sums."""
    rows = [row for row in view.answer(case).rows if row.counted and row.reason.attempt and row.op.headroom_ns]
    return [row for row in rows if not view.small(case, row.op)][:FIRST]


def _first(view: View) -> list[str]:
    rows = []
    for case in view.sections.headline:
        for row in first_rows(view, case):
            op = row.op
            rows.append([view.head(case), view.op(op), seconds(row.time_ns), percent(op.of_roof),
                         seconds(row.headroom_ns), view.why(op), view.attempt(op)])  # fmt: skip
    if not rows:
        return ["**What to do first** is unknown: no op has both a time and a roof.", ""]
    heads = ["Case", "Op", "Time", "Of roof", "Headroom", "Why", "Try"]
    return [f"**What to do first**, most headroom {view.of_calls}:", "", *table(heads, rows)]


def _ranks(view: View) -> list[str]:
    """Of cases that ran on several GPUs how the ranks differ, and what the collectives sent and waited."""
    lines: list[str] = []
    for case in view.sections.headline:
        summary = case.source.ranks
        if summary is None:
            continue
        lines += [f"**Ranks, {view.head(case)}:** {prose('; '.join(rank_head(summary, case.rank_layer)))}.", ""]
        heads, *rows = collective_table(case.layer, case.source) or [[]]
        lines += table(heads, [[code(row[0]), *map(prose, row[1:])] for row in rows]) if rows else []
    return lines


def _target(view: View) -> list[str]:
    lines: list[str] = []
    for cases in view.columns(case for case in view.sections.cases if case.source.projected):
        rows = [[view.head(case), known(view.least(case), seconds), _target_bounds(case)] for case in cases]
        lines += [f"**The same ops on {view.target_words(cases)}:**", ""]
        lines += table(["Case", "At least", "Of that"], rows)
    return lines


def _target_bounds(case: CaseOps) -> str:
    times: dict[str, float] = {}
    for row in target_rows(case, case.layer):
        if row.least_time_ns is not None:
            bound = "launch floor" if row.by_launch else f"{row.bound}-bound" if row.bound else "unknown"
            times[bound] = times.get(bound, 0.0) + (row.counted_ns or 0.0)
    whole = sum(times.values())
    shares = sorted(times.items(), key=lambda item: -item[1])
    return ", ".join(f"{percent(time / whole)} {prose(bound)}" for bound, time in shares) if whole else "—"


def _stands_on(view: View) -> list[str]:
    lines: dict[str, None] = {}
    for source in {id(case.source): case.source for case in view.sections.cases}.values():
        answers = [view.answer(case) for case in view.sections.cases if case.source is source]
        lines |= dict.fromkeys(_sentence(line, source.target.name) for line in legend(source, answers))
    return bullets([prose(line) for line in lines])


def _sentence(line: str, target: str) -> str:
    """A line of the terminal's legend as the document has it: times have their units here."""
    line = line.replace("µs: ", "times: ", 1)
    first = line[0] if line.startswith(target) else line[0].upper()
    return f"{first}{line[1:]}."
