"""What is not alike on the two sides of a diff, and what that means for the comparison."""

from roofprof.changes.match import Matched
from roofprof.document.cases import times_in_case
from roofprof.results.report import RooflineReport

TRACE_NOTE = "times of a trace: what a call kept the GPU busy, copies too; bytes and FLOPs are unknown"
"""Among the notes of an analysis that was made of an nsys trace."""


def notes_of(a: RooflineReport, b: RooflineReport, matched: Matched) -> list[str]:
    """One line each, the weightiest first."""
    notes = []
    if a.gpu.name != b.gpu.name:
        unknown = [report.gpu for report in (a, b) if not report.gpu.peak_flop_per_s]
        notes.append(
            f"{unknown[0].sku} is unknown: whether both sides ran on one is not checked" if unknown else
            f"measured on {a.gpu.sku} and on {b.gpu.sku}: bytes and FLOPs compare; time shows the GPUs too, "
            "and efficiency is against the first one's roofs"
        )  # fmt: skip
    for word, value in (("recipe", _recipes), ("cache", _caches)):
        old, new = value(a), value(b)
        if old != new:
            notes.append(f"{word}: {_joined(old)} before, {_joined(new)} after")
    cut, other_cut = _of_captures(a, "cut"), _of_captures(b, "cut")
    if cut and other_cut and cut != other_cut:
        notes.append(f"the layer is cut differently: {_joined(cut)} before, {_joined(other_cut)} after")
    notes += _calls_note(matched)
    for side, cases in (("before", matched.only_a), ("after", matched.only_b)):
        if cases:
            notes.append(f"only {side}, in no verdict: {'; '.join(case.title for case in cases)}")
    notes += [note for note in dict.fromkeys((*a.notes, *b.notes)) if note == TRACE_NOTE]
    sources = {op.time_source for report in (a, b) for op in report.ops}
    if len(sources) > 1:
        notes.append("some times are nsys', some ncu's: between the two, time and roof are inconclusive")
    return notes


def _calls_note(matched: Matched) -> list[str]:
    """What the sums of cases are of, where ops count more than once; their calls may be more on one side."""
    times = [[times_in_case(op) for op in case.layer] for pair in matched.pairs for case in (pair.a, pair.b)]
    if all(count == 1 for own in times for count in own):
        return []
    old, new = (sum(map(sum, side)) for side in (times[::2], times[1::2]))
    differ = f": {old} before, {new} after" if old != new else ""
    return [f"a row's times are of its median call, those of a case of all calls{differ}"]


def _joined(words: set[str]) -> str:
    return " and ".join(sorted(words)) or "unknown"


def _recipes(report: RooflineReport) -> set[str]:
    return _of_captures(report, "recipe")


def _of_captures(report: RooflineReport, key: str) -> set[str]:
    captures = [entry.get("capture") or {} for entry in report.reports]
    return {str(capture[key]) for capture in captures if capture.get(key)}


def _caches(report: RooflineReport) -> set[str]:
    return {op.cache for op in report.ops if op.cache}
