"""How text of a report enters a terminal: as it is, without markup and without control characters."""

from typing import TYPE_CHECKING

from roofprof.document.cases import counted, sum_of
from roofprof.formatting import escaped, format_si
from roofprof.results.op import kernel_words
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from rich.text import Text


def shown(text: str) -> "Text":
    """One line that rich shows and does not read: brackets are no markup, an escape sequence is spelled out."""
    from rich.text import Text

    return Text(escaped(text))


def kernel_line(report: RooflineReport) -> str:
    """What rows of kernels are, with the launches in no range and their time; empty where there is no such row."""
    words, outside = kernel_words(report.ops), report.unattributed
    if not words or not outside.launch_count:
        return words
    launches = "launch" if outside.launch_count == 1 else "launches"
    return f"{words}; {outside.launch_count} {launches} in no range, {_time_outside(report)}"


def _time_outside(report: RooflineReport) -> str:
    """The time of launches in no range: that of the rows where nsys has it, for ncu's is of each launch alone."""
    rows = [op for op in report.ops if op.kind == "kernel"]
    total = sum_of(counted(op, op.time_ns) for op in rows).value
    if total is not None and all(op.time_source == "nsys" for op in rows):
        return f"{format_si(total / 1e9, 's')} in all"
    if report.unattributed.duration_ns is None:
        return "time unknown"
    under = " under ncu" if any(op.time_source == "nsys" for op in report.ops) else ""
    return f"{format_si(report.unattributed.duration_ns / 1e9, 's')} in all{under}"
