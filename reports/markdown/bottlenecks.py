"""Markdown: what each case's time goes to on the profiled GPU."""

from roofprof.advice.causes import NEITHER, CauseShare, cause_shares
from roofprof.document.cases import CaseOps
from roofprof.formatting import quantity
from roofprof.reports.markdown.text import bullets, code, joined, percent, prose, seconds
from roofprof.reports.markdown.view import SMALL, View

_NAMED = 5
"""Ops named in a line."""
_WANTED = (("decode", 1, None), ("decode", 128, None), ("prefill", 1, 1024))
"""The reference document's cases."""


def bottleneck_sections(view: View) -> list[str]:
    """Each case from its own numbers."""
    lines: list[str] = []
    titles = [_title(view, case) for case in view.sections.headline]
    for case, title in zip(view.sections.headline, titles, strict=True):
        lines += [f"### {title if titles.count(title) == 1 else prose(case.title)}", "", *_case(view, case)]
    return [*lines, *_missing(view)] or ["No op was measured.", ""]


def _title(view: View, case: CaseOps) -> str:
    if case.phase not in ("decode", "prefill"):
        return view.head(case)
    sizes = (f"{letter}={value}" for letter, value in (("B", case.batch), ("S", case.seq_len)) if value)
    return f"{case.phase.capitalize()} Phase ({', '.join(sizes)})"


def _missing(view: View) -> list[str]:
    """The reference document's cases that were not measured, of a layer of which others were."""
    cases = view.sections.cases
    if not any(case.tokens for case in cases):
        return []
    missing = [
        f"{phase} at batch {batch}" + (f" and length {length}" if length else "")
        for phase, batch, length in _WANTED
        if not any((c.phase, c.batch) == (phase, batch) and length in (None, c.seq_len) for c in cases)
    ]
    return [f"Cases of the reference document that were not measured: {joined(missing)}.", ""] if missing else []


def _case(view: View, case: CaseOps) -> list[str]:
    shares = cause_shares(view.answer(case))
    if not shares:
        return [f"No op of the layer has a time: the bottleneck is unknown.{_apart(view, case)}", ""]
    large = [share for share in shares if share.share >= SMALL] or shares
    lines = [_share(view, share) for share in large]
    if rest := [share for share in shares if share not in large]:
        lines.append(_rest(rest))
    return [*bullets(lines), f"**Overall:** {_overall(view, case, shares)}", ""]


def _share(view: View, share: CauseShare) -> str:
    named = [f"{view.op(row.op)} {percent(row.share)}" for row in share.rows[:_NAMED]]
    more = len(share.rows) - len(named)
    names = ", ".join(named) + (f" and {more} more" if more else "")
    cause = share.cause[0].upper() + share.cause[1:]
    return f"**{prose(cause)}**, {percent(share.share)}, {seconds(share.time_ns)}: {names}"


def _rest(shares: list[CauseShare]) -> str:
    """The causes that together matter least."""
    named = [f"{prose(share.cause)} {percent(share.share)}" for share in shares]
    return f"The rest: {joined(named)}"


def _overall(view: View, case: CaseOps, shares: list[CauseShare]) -> str:
    here, answer = code(case.gpu), view.answer(case)
    latency = [share for share in shares if share.latency]
    bound, part = answer.bound_shares[0]
    if bound == "latency":
        largest = "" if latency[0].cause == NEITHER else f", the largest part of it {prose(latency[0].cause)}"
        text = f"for {percent(part)} of the time neither roof of {here} binds{largest}."
    elif bound == "unknown":
        text = f"what binds {percent(part)} of the time on {here} is unknown."
    else:
        text = f"{prose(bound)}-bound on {here} for {percent(part)} of the time."
    if answer.headroom_ns is not None:
        some = f" (of {quantity(answer.unplaced, 'op')} it is unknown)" if answer.unplaced else ""
        text += f" Every op at its roof would save {seconds(answer.headroom_ns)}{some}."
    return text + _apart(view, case)


def _apart(view: View, case: CaseOps) -> str:
    words = ""
    if case.alternatives:
        words += (
            f" {len(case.alternatives)} further implementations of an op that has one already stand apart: "
            "the shares are of one layer."
        )
    for op in case.step_ops:
        words += f" {code(op.op)} runs once per step and stands apart: {seconds(op.time_ns)}."
    timeless = [op for op in case.layer if op.time_ns is None]
    if timeless:
        words += f" Without a time, in no share: {quantity(len(timeless), 'op')}, among them {view.op(timeless[0])}."
    return words
