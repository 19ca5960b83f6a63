"""`roofprof timeline`: what the GPUs did, and which ops and kernels took their time."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.shared_options import OnlyOption
from roofprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roofprof.timeline.shown.document import RankedTimeline


class RowsBy(StrEnum):
    """Values of --by."""

    OP = "op"
    KERNEL = "kernel"
    LAUNCH = "launch"


def timeline(
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A capture, or an nsys trace of any form.")],
    domain: Annotated[str | None, typer.Option(help="NVTX domain that holds the ops.")] = None,
    ops: Annotated[
        str | None, typer.Option(help="Ops file for foreign range names: a TOML file or a bundled name.")
    ] = None,
    by: Annotated[
        RowsBy, typer.Option(help="What a row is: an op, or a kernel outside all ranges; any kernel; one launch.")
    ] = RowsBy.OP,
    only: OnlyOption = None,
    sort: Annotated[
        str, typer.Option(help="time, share, median, gap, calls, name, or order: as they first ran.")
    ] = "time",
    top: Annotated[int | None, typer.Option(min=1, help="Show only the first N rows of each GPU.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print every finding, explanations too.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the JSON document here.")] = None,
    perfetto: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write ops and kernels for ui.perfetto.dev, and print nothing.")
    ] = None,
) -> None:
    """Show what each GPU did, and its ops and kernels, from an nsys trace."""
    if perfetto is not None:
        from roofprof.cli.outputs import say_written
        from roofprof.pipeline.perfetto import export_perfetto

        say_written([export_perfetto(source, perfetto, domain, ops)])
        return
    from roofprof.pipeline.timeline import TimelineRequest, read_timelines
    from roofprof.timeline.shown.document import timeline_document
    from roofprof.timeline.shown.ranking import SORTS

    if sort not in SORTS:
        raise UsageError(f"unknown sort key {sort!r}", f"use one of {', '.join(SORTS)}")
    lines = read_timelines(TimelineRequest(source, domain, ops, only, by.value, sort, top))
    if output is not None or as_json:
        import json

        text = json.dumps(timeline_document(lines), indent=2, allow_nan=False)
        if output is not None:
            from roofprof.files import write_output

            write_output(output, lambda partial: partial.write_text(text + "\n", encoding="utf-8"))
        if as_json:
            print(text)
            return
    _print(lines, explain)


def _print(lines: "Sequence[RankedTimeline]", explain: bool) -> None:
    from rich.console import Console

    from roofprof.reports.tables.findings import finding_lines
    from roofprof.reports.tables.timeline import print_timeline, table_width

    console = Console(width=table_width(), highlight=False, markup=False, emoji=False)
    for line in lines:
        print_timeline(line, console)
        for note in finding_lines(line.timeline.findings, explain):
            console.print(note, soft_wrap=True)
