"""Which findings ask for something to be done, and how many only explain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roofprof.findings import Finding, Severity
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

COUNTER_MISSING = "counter-missing"
_ALWAYS = frozenset({"duration_ns", "dram_bytes", "dram_read_bytes", "dram_write_bytes", "fp32_flop_count"})
"""Without these a row has no time, no bytes or no FLOPs."""
_UNEXPLAINED = frozenset({"uncounted-precision", "tensor-counter-zero"})
"""Findings of ops whose FLOPs a tensor counter that is missing may hold."""
_SPENT = frozenset({"tiny-launches", "conversions", "split-k-reductions", "outside-ranges"})
"""Findings of a whole report about its time."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The findings of a report, sorted by what they ask of the reader."""

    act_on: tuple[Finding, ...]
    """A number is missing or wrong as it stands, or the whole spends time on nothing; the hint says what to do."""
    doubtful: tuple[Finding, ...]
    explain: tuple[Finding, ...]


def notes_of(report: RooflineReport, shown: Sequence[OpResult]) -> Notes:
    """Sort the findings of a report.

    Args:
        report: an analysis.
        shown: the rows on the screen: a missing counter that could change none of them is a note.
    """
    act_on, spent, doubtful, explain = [], [], [], []
    for finding in report.findings:
        if finding.severity is Severity.WARNING and _matters(finding, shown):
            act_on.append(finding)
        elif finding.kind in _SPENT and finding.op is None:
            spent.append(finding)
        elif finding.severity is Severity.DOUBTFUL:
            doubtful.append(finding)
        else:
            explain.append(finding)
    return Notes((*act_on, *spent), tuple(doubtful), tuple(explain))


def _matters(finding: Finding, shown: Iterable[OpResult]) -> bool:
    if finding.kind != COUNTER_MISSING:
        return True
    column = str(finding.values.get("column"))
    ops = [op for op in shown if finding.report in (None, op.report)]
    if column in _ALWAYS:
        return any(_lacks(op, column) for op in ops)
    if column.startswith("tensor_") and column.endswith("_flop_count"):
        return any(op.flop_count is None or any(map(_unexplained, op.findings)) for op in ops)
    return False


def _unexplained(finding: Finding) -> bool:
    return finding.kind in _UNEXPLAINED and finding.severity is Severity.WARNING


def _lacks(op: OpResult, column: str) -> bool:
    """Whether a row's main figures are unknown for want of a column."""
    if column == "duration_ns":
        return op.duration_ns is None
    return op.dram_bytes is None if column.startswith("dram") else op.flop_count is None
