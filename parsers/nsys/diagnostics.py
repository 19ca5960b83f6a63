"""What nsys itself says it missed, and what the reader could not use, as findings."""

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formats.nsys import DIAGNOSTICS, LOSS_MESSAGE, TROUBLE_MESSAGE, about_times
from roofprof.parsers.nsys.api_calls import LostLaunches
from roofprof.parsers.nsys.operations import Losses
from roofprof.parsers.nsys.tables import NsysTables

_WARNING = 2  # ENUM_DIAGNOSTIC_SEVERITY_LEVEL: 1 info, 2 warning, 3 error, 4 fatal


def read_diagnostics(tables: NsysTables) -> list[Finding]:
    """Lost events, and nsys' other warnings and errors."""
    found = []
    for table in DIAGNOSTICS:
        if not tables.columns(table):
            continue
        frame = pl.DataFrame(
            {
                "text": tables.texts(table, "text"),
                "severity": tables.integers(table, ("severity",))["severity"],
            }
        )
        for text, severity, count in frame.group_by("text", "severity", maintain_order=True).len().iter_rows():
            finding = _diagnostic(text or "", severity, count)
            if finding is not None:
                found.append(finding)
    return found


def _diagnostic(text: str, severity: int, count: int) -> Finding | None:
    times = "" if count == 1 else f" ({count} times)"
    if LOSS_MESSAGE.search(text) and about_times(text):
        hint = "trace for a shorter time, or fewer kinds of events; times of ops that lost kernels are too small"
        # "Might" stands in every trace of a capture range; what is certain is not put so.
        certain = "might" not in text.lower()
        message = f"nsys {'lost' if certain else 'may have lost'} events: {text}{times}"
        severity_of = Severity.WARNING if certain else Severity.DOUBTFUL
        return Finding("dropped-events", severity_of, message, hint, values={"count": count, "text": text})
    if severity >= _WARNING:
        message = f"nsys warned: {text}{times}"
        return Finding("nsys-diagnostic", Severity.INFO, message, values={"count": count, "text": text})
    if TROUBLE_MESSAGE.search(text):
        message = f"nsys noted: {text}{times}"
        return Finding("nsys-diagnostic", Severity.INFO, message, values={"count": count, "text": text})
    return None


_LISTED_PROCESSES = 8


def lost_launch_findings(lost: LostLaunches) -> list[Finding]:
    """Launches of which the trace has no kernel, and processes of which it has none at all."""
    count, total = sum(lost.lost.values()), sum(lost.launches.values())
    if not count:
        return []
    empty = [process for process, missing in lost.lost.items() if missing == lost.launches[process]]
    message = f"{count} of {total} kernel launches have no kernel in the trace"
    if empty and len(lost.launches) > 1:
        listed = ", ".join(map(str, empty[:_LISTED_PROCESSES])) + ("..." if len(empty) > _LISTED_PROCESSES else "")
        message += f"; it has none of {len(empty)} of {len(lost.launches)} processes ({listed})"
    hint = "times are of the kernels that are there: trace each process, for a shorter time, and let the GPU finish"
    values = {"count": count, "launch_count": total, "processes": empty}
    return [Finding("launch-without-kernel", Severity.WARNING, message, hint, values=values)]


def reading_losses(losses: Losses, backwards_calls: int, graph_launches: int) -> list[Finding]:
    """What the reader of GPU operations left out or could not link."""
    found = []
    if losses.backwards or backwards_calls:
        message = (
            f"the clock went back: {losses.backwards} GPU operations end before they start and are left out; "
            f"{backwards_calls} API calls do so and are taken to last no time"
        )
        values = {"operations": losses.backwards, "api_calls": backwards_calls}
        found.append(Finding("clock-went-back", Severity.WARNING, message, values=values))
    if losses.without_launch:
        message = f"{losses.without_launch} GPU operations have no API call in the trace: they belong to no range"
        hint = "start the capture range before the first launch, with -t cuda"
        values = {"count": losses.without_launch}
        found.append(Finding("launch-unknown", Severity.WARNING, message, hint, values=values))
    if losses.nameless:
        message = f"{losses.nameless} kernels have no name in the trace's strings: they are unnamed"
        hint = "nsys does not find the names of all JIT-compiled kernels; else export the .nsys-rep again"
        found.append(Finding("name-unknown", Severity.WARNING, message, hint, values={"kernels": losses.nameless}))
    if losses.shared_launch:
        message = (
            f"{losses.shared_launch} kernels share their API call with another kernel, and no graph launched them: "
            "the ranges that they belong to are doubtful"
        )
        values = {"count": losses.shared_launch}
        found.append(Finding("trace-order", Severity.DOUBTFUL, message, values=values))
    if losses.without_node:
        message = (
            f"{losses.without_node} GPU operations were replayed by graphs captured before the trace began: "
            "they belong to the range of the replay"
        )
        hint = "begin the trace before the graph is captured, with --cuda-graph-trace=node"
        values = {"count": losses.without_node}
        found.append(Finding("graph-node-unknown", Severity.WARNING, message, hint, values=values))
    if graph_launches:
        message = f"{graph_launches} CUDA graph launches were traced as a whole: their kernels are not in the trace"
        hint = "capture again with --cuda-graph-trace=node"
        values = {"count": graph_launches}
        found.append(Finding("graph-traced-whole", Severity.WARNING, message, hint, values=values))
    return found
