"""Findings for people, one line per kind and op: what was found, and what to do about it."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from roofprof.advice.notes import COUNTER_MISSING, Notes
from roofprof.findings import Finding, Severity
from roofprof.formatting import escaped, printable, quantity
from roofprof.reports.tables.lines import wrapped

_ORDER = (Severity.WARNING, Severity.DOUBTFUL, Severity.INFO)
EXAMPLES = 3
FEW_METRICS = 4
"""A command line with more names is nothing to read or type."""
_FLOPS = " FLOPs"
_GROUPS = ("fp16", "tf32", "fp64", "int8")
"""Of `roofprof capture --groups`, those that hold FLOPs."""


def finding_lines(findings: Sequence[Finding], verbose: bool = False) -> Iterator[str]:
    """Lines to print, most severe first, without control characters; similar ones are counted instead of repeated.

    Args:
        findings: all of a report.
        verbose: every kind, explanations included; otherwise explanations are only counted.
    """
    return map(escaped, _lines(findings, verbose))


def summary_lines(notes: Notes, width: int | None = None, captures: Collection[str] = ()) -> Iterator[str]:
    """The findings in a few lines: how many of which sort, and what there is to do, a line per kind and one per hint.

    Args:
        notes: the findings, sorted.
        width: columns that lines are wrapped to; None leaves them as they are.
        captures: reports that roofprof captured, which can collect more itself.
    """
    kinds = _counts(notes.act_on)
    counts = [f"{len(kinds)} to act on", f"{len(notes.doubtful)} doubtful", quantity(len(notes.explain), "note")]
    yield f"findings: {', '.join(counts)} (--explain)" if any(map(_some, counts)) else "findings: none"
    for kind in kinds:
        alike = [f for f in notes.act_on if f.kind == kind]
        message, hint = _missing(alike, captures, width) if kind == COUNTER_MISSING else _first(alike)
        yield from _indented(f"{kind}: {message}", 2, width)
        if hint:
            yield from _indented(hint, 4, width)


def _first(alike: Sequence[Finding]) -> tuple[str, str | None]:
    """What is said of the findings of one kind, and what to do."""
    first = alike[0]
    named = first.op is None or first.message.startswith(first.op[:20])
    where = "" if named else f"{printable(first.op or '', 40)}: "
    more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
    return f"{where}{first.message}{more}", next((f.hint for f in alike if f.hint), None)


def _missing(findings: Sequence[Finding], captures: Collection[str], width: int | None) -> tuple[str, str]:
    """The counters that are missing in any report in one sentence, and one command that collects them."""
    columns = {str(f.values.get("column")): f for f in findings}
    message = f"unknown: {_named(list(columns.values()))}"
    if all(f.report in captures for f in findings):
        groups = [
            group for group in _GROUPS if f"tensor_{group}_flop_count" in columns or f"{group}_flop_count" in columns
        ]
        return message, f"collect: roofprof capture --groups {','.join(groups)}" if groups else "capture again"
    metrics = dict.fromkeys(metric for f in findings for metric in f.values["metrics"])
    command = f"collect: ncu --metrics {','.join(metrics)}"
    if len(metrics) <= FEW_METRICS and (width is None or len(command) + 4 <= width):
        return message, command
    return message, "collect: ncu --set full, or roofprof capture -- COMMAND"


def _indented(text: str, by: int, width: int | None) -> Iterator[str]:
    for line in wrapped(text, width and width - by):
        yield " " * by + line


def _some(count: str) -> bool:
    return not count.startswith("0 ")


def _lines(findings: Sequence[Finding], verbose: bool) -> Iterator[str]:
    for severity in _ORDER:
        chosen = [f for f in findings if f.severity is severity]
        if severity is Severity.INFO and not verbose:
            if chosen:
                kinds = ", ".join(f"{kind} {count}" for kind, count in _counts(chosen).items())
                yield f"{quantity(len(chosen), 'explanation')} ({kinds}): shown with --explain, and in --json"
            continue
        for kind in _counts(chosen):
            alike = [f for f in chosen if f.kind == kind]
            yield from _missing_lines(alike) if kind == COUNTER_MISSING else _kind_lines(alike)


def _missing_lines(findings: list[Finding]) -> Iterator[str]:
    """All counters missing in one report in one line, with one command that collects them."""
    for report in dict.fromkeys(f.report for f in findings):
        missing = [f for f in findings if f.report == report]
        yield f"{Severity.WARNING} [counter-missing] {report or '(unnamed)'}: unknown (null): {_named(missing)}"
        metrics = dict.fromkeys(metric for f in missing for metric in f.values["metrics"])
        if len(metrics) <= FEW_METRICS:
            yield f"  hint: collect with: ncu --metrics {','.join(metrics)}"
        else:
            yield "  hint: roofprof capture collects them; of NVIDIA's sets, ncu --set full holds DRAM bytes and FLOPs"
        other = dict.fromkeys(f.hint for f in missing if f.hint and "--metrics" not in f.hint)
        yield from (f"  hint: {hint}" for hint in other)


def _named(missing: list[Finding]) -> str:
    """What is missing, the FLOPs of several pipes together."""
    words = [str(f.values.get("what") or f.values["column"]) for f in missing]
    flops = [word.removesuffix(_FLOPS) for word in words if word.endswith(_FLOPS)]
    halves = ("DRAM bytes read", "DRAM bytes written") if "DRAM bytes" in words else ()
    others = [word for word in words if not word.endswith(_FLOPS) and word not in halves]
    return ", ".join([*others, *([f"FLOPs of {', '.join(flops)}"] if flops else [])])


def _kind_lines(findings: list[Finding]) -> Iterator[str]:
    info = findings[0].severity is Severity.INFO
    shown = findings[: 1 if info else EXAMPLES]
    rest = len(findings) - len(shown)
    for finding in shown:
        # A kernel's row is called as the kernel, which messages about launches begin with.
        named = finding.op is None or finding.message.startswith(f"{finding.op[:40]}")
        where = "" if named else f" {printable(finding.op or '', 40)}:"
        more = f" (and {rest} more)" if info and rest else ""
        yield f"{finding.severity} [{finding.kind}]{where} {finding.message}{more}"
    hints = dict.fromkeys(f.hint for f in shown if f.hint)
    yield from (f"  hint: {hint}" for hint in hints)
    if rest and not info:
        yield f"  and {rest} more of this kind, in --json"


def _counts(findings: Iterable[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return counts
