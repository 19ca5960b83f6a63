"""`roofprof timeline`: prints the GPU time of each op of a layer."""

from pathlib import Path
from typing import Annotated

import typer

from roofprof.errors import UsageError


def timeline(
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A capture, or an nsys trace of any form.")],
    domain: Annotated[str | None, typer.Option(help="NVTX domain that holds the ops.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="Show the first N ops only.")] = None,
    sort: Annotated[str, typer.Option(help="order, time, share, gap, calls or name.")] = "order",
    explain: Annotated[bool, typer.Option("--explain", help="Print every finding, explanations too.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the JSON document here.")] = None,
) -> None:
    """Show each op's time, share, idle gaps and kernels, from an nsys trace."""
    from roofprof.formats.capture import find_traces
    from roofprof.pipeline.capture_group import read_trace
    from roofprof.timeline.document import SORTS, sorted_ops, timeline_document
    from roofprof.timeline.timeline import build_timeline

    if sort not in SORTS:
        raise UsageError(f"unknown sort key {sort!r}", f"use one of {', '.join(SORTS)}")
    lines = []
    for path in find_traces(source):
        lines.append((path.name, build_timeline(read_trace(path).trace, domain)))
    document = timeline_document(lines)
    document["ops"] = sorted_ops(document["ops"], sort, top)
    import json

    text = json.dumps(document, indent=2, allow_nan=False)
    if output is not None:
        from roofprof.files import write_output

        write_output(output, lambda partial: partial.write_text(text + "\n", encoding="utf-8"))
    if as_json:
        print(text)
        return

    from rich.console import Console

    from roofprof.reports.tables.findings import finding_lines
    from roofprof.reports.tables.timeline import WIDTH, timeline_notes, timeline_table

    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    for name, line in lines:
        shown = sorted_ops(line.ops, sort, top)
        console.print(timeline_table(name, line, shown))
        for note in (*timeline_notes(line, len(shown)), *finding_lines(line.findings, explain)):
            console.print(note, soft_wrap=True)
