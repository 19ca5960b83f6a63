"""Findings for people, one line per kind and op: what was found, and what to do about it."""

from collections.abc import Iterable, Iterator, Sequence

from roofprof.advice.notes import Notes
from roofprof.findings import Finding, Severity
from roofprof.formatting import escaped, printable

_ORDER = (Severity.WARNING, Severity.DOUBTFUL, Severity.INFO)
EXAMPLES = 3
FEW_METRICS = 4
"""A command line with more names is nothing to read or type."""
_FLOPS = " FLOPs"


def finding_lines(findings: Sequence[Finding], verbose: bool = False) -> Iterator[str]:
    """Lines to print, most severe first, without control characters; similar ones are counted instead of repeated.

    Args:
        findings: all of a report.
        verbose: every finding, explanations included; otherwise explanations are only counted.
    """
    return map(escaped, _lines(findings, verbose))


def summary_lines(notes: Notes) -> Iterator[str]:
    """The findings in a few lines: how many of which sort, and what there is to do, a line per kind."""
    counts = [f"{len(notes.act_on)} to act on", f"{len(notes.doubtful)} doubtful", f"{len(notes.explain)} notes"]
    yield f"findings: {', '.join(counts)} (--explain)" if any(map(_some, counts)) else "findings: none"
    for kind in _counts(notes.act_on):
        alike = [f for f in notes.act_on if f.kind == kind]
        where = f" {printable(alike[0].op, 40)}:" if alike[0].op is not None else ""
        more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
        yield escaped(f"  {kind}:{where} {alike[0].message}{more}")
        hint = next((f.hint for f in alike if f.hint), None)
        if hint:
            yield escaped(f"    {hint}")


def _some(count: str) -> bool:
    return not count.startswith("0 ")


def _lines(findings: Sequence[Finding], verbose: bool) -> Iterator[str]:
    for severity in _ORDER:
        chosen = [f for f in findings if f.severity is severity]
        if severity is Severity.INFO and not verbose:
            if chosen:
                kinds = ", ".join(f"{kind} {count}" for kind, count in _counts(chosen).items())
                yield f"{len(chosen)} explanations ({kinds}): shown with --explain, and in --json"
            continue
        for kind in _counts(chosen):
            alike = [f for f in chosen if f.kind == kind]
            yield from _missing_lines(alike) if kind == "counter-missing" else _kind_lines(alike, verbose)


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
    others = [word for word in words if not word.endswith(_FLOPS)]
    return ", ".join([*others, *([f"FLOPs of {', '.join(flops)}"] if flops else [])])


def _kind_lines(findings: list[Finding], verbose: bool) -> Iterator[str]:
    shown = findings if verbose else findings[:EXAMPLES]
    for finding in shown:
        # A kernel's row is called as the kernel, which messages about launches begin with.
        named = finding.op is None or finding.message.startswith(f"{finding.op[:40]}")
        where = "" if named else f" {printable(finding.op or '', 40)}:"
        yield f"{finding.severity} [{finding.kind}]{where} {finding.message}"
    hints = dict.fromkeys(f.hint for f in shown if f.hint)
    yield from (f"  hint: {hint}" for hint in hints)
    if len(findings) > len(shown):
        yield f"  and {len(findings) - len(shown)} more of this kind: shown with --explain, and in --json"


def _counts(findings: Iterable[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return counts
