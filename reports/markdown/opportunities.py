"""Markdown: optimisation opportunities, by what binds; nothing that saves less than a hundredth of the layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps
from roofprof.document.opportunities import WORTH, Opportunities
from roofprof.formatting import quantity
from roofprof.reports.markdown.text import bullets, code, finding_link, number, percent, seconds, table, word
from roofprof.reports.markdown.view import View
from roofprof.results.op import OpResult
from roofprof.results.thresholds import LAUNCH_BOUND_NS

_NAMED = 4
"""Pairs or ops named in a line."""
_SECTIONS = (
    ("compute", "Compute-Bound Kernels", "compute-bound op"),
    ("memory", "Memory-Bound Kernels", "memory-bound op"),
    ("communication", "Communication-Bound Kernels", "communication-bound op"),
    ("latency", "Kernels That Reach Neither Roof", "such op"),
)


@dataclass(frozen=True, slots=True)
class _Chance:
    """An op over the cases of one table in which one bound holds it."""

    name: str
    best: OpResult
    """Where its headroom is the largest part of the layer: the reason is this one's."""
    ops: tuple[OpResult | None, ...]
    """One per case; None where something else binds it, or there is none."""


def opportunity_sections(view: View) -> list[str]:
    """By bound as the reference document has them, then MLA decode, then launches."""
    sections = view.sections
    if not any(case.ops for case in sections.headline):
        return ["No op was measured.", ""]
    groups = view.columns(sections.headline)
    least = f"{percent(WORTH)} of {view.whole}"
    lines = [
        f"Headroom {view.of_calls} in the cases where that is what binds the op, of ops that could save {least} in one",
        "of them at least. Bold: where it is the largest part, which the columns on the right are about.",
        "",
    ]
    for bound, title, words in _SECTIONS:
        tables = [_table(view, cases, own) for cases in groups if (own := _chances(view, cases, bound))]
        if bound == "communication" and not tables:
            continue
        lines += [f"### {title}", ""]
        lines += [line for part in tables for line in part] or [f"No {words} could save {least}.", ""]
    unknown = sum(view.answer(case).unplaced for case in sections.headline)
    if unknown:
        lines += [f"Of {quantity(unknown, 'op')} the headroom is unknown: a time, a counter or a peak is missing.", ""]
    return [*lines, *_mla(view), *_launches(view)]


def _chances(view: View, cases: Sequence[CaseOps], bound: str) -> list[_Chance]:
    """Ops that are worth telling under a bound: an op may stand under several, each with its own cases."""
    every = []
    for name, ops in view.by_op(cases):
        own = [op if op and op.measured_on.bound == bound and view.rows[id(op)].counted else None for op in ops]
        parts = [
            (headroom / case.time_ns, op)
            for case, op in zip(cases, own, strict=True)
            if op and (headroom := view.rows[id(op)].headroom_ns) is not None and case.time_ns
        ]
        part, best = max(parts, key=lambda item: item[0], default=(0.0, None))
        if best is not None and part >= WORTH:
            every.append((part, _Chance(name, best, tuple(own))))
    return [chance for _, chance in sorted(every, key=lambda item: -item[0])]


def _table(view: View, cases: Sequence[CaseOps], chances: Sequence[_Chance]) -> list[str]:
    rows = []
    for chance in chances:
        cells = [_headroom(view, op, chance.best) for op in chance.ops]
        rows.append([chance.name, *cells, percent(chance.best.of_roof), view.why(chance.best),
                     view.attempt(chance.best)])  # fmt: skip
    return table(["Op", *map(view.head, cases), "Of roof", "Why", "Try"], rows)


def _headroom(view: View, op: OpResult | None, best: OpResult) -> str:
    text = seconds(view.rows[id(op)].headroom_ns if op else None)
    return f"**{text}**" if op is best else text


def _mla(view: View) -> list[str]:
    if not view.sections.mla:
        return []
    here = [
        [view.head(case), number(op.formula.arithmetic_intensity if op.formula else None),
         number(op.arithmetic_intensity), number(op.measured_on.ridge_point), view.cause(op),
         percent(op.of_roof), seconds(op.headroom_ns)]
        for case, op in view.sections.mla
    ]  # fmt: skip
    heads = ["Case", "AI, formula", "AI, measured", "Ridge point", "What binds", "Of roof", "Headroom"]
    lines = ["### Mixed Kernels (MLA Decode)", "", *table(heads, here)]
    there = [
        f"{view.head(case)}: AI {number(op.arithmetic_intensity)}, ridge point {number(op.ridge_point)}, "
        f"{word(op.bound)}-bound"
        for case, op in view.sections.mla
        if case.source.projected and op.bound
    ]
    target = view.target_words([case for case, _ in view.sections.mla])
    return [*lines, *([f"On {target}: {'; '.join(there)}.", ""] if there else [])]


def _launches(view: View) -> list[str]:
    lines = [line for found in view.sections.opportunities for line in _of_case(view, found)]
    if not lines:
        return []
    return ["### Launches", "", *bullets(lines)]


def _of_case(view: View, found: Opportunities) -> Iterator[str]:
    head, whole = view.head(found.case), found.case.time_ns
    if whole and found.worth_telling(found.launch_bound_ns):
        time = found.launch_bound_ns or 0.0
        words = finding_link("launch-bound", f"{quantity(len(found.launch_bound), 'op')} of short kernels")
        eager, graph = found.projected_ns
        spans = ""
        if eager is not None and graph is not None:
            spans = f" Spans of all ops: {seconds(eager)} launched one by one, {seconds(graph)} in a CUDA graph."
        yield (
            f"{head}: {words}, under {seconds(LAUNCH_BOUND_NS)} a kernel, take {seconds(time)} together, "
            f"{percent(time / whole)} of {view.whole}.{spans}"
        )
    if whole and found.worth_telling(found.fusion_ns):
        time = found.fusion_ns or 0.0
        pairs = [f"{code(f.first.op)} → {code(f.second.op)}" for f in found.fusions]
        more = f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
        yield (
            f"{head}: fusing {quantity(len(pairs), 'pair')} of neighbours saves "
            f"{quantity(found.fusion_launch_count, 'launch', 'launches')}, "
            f"{seconds(time)} at the launch floor of {seconds(found.launch_floor_ns)}, {percent(time / whole)} of "
            f"{view.whole}: {', '.join(pairs[:_NAMED])}{more}."
        )
