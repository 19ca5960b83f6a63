"""`roofprof timeline`: what the GPUs did, and which ops and kernels took their time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.shared_options import (
    ByOption,
    DomainOption,
    ExplainOption,
    JsonOption,
    LayersOption,
    OnlyOption,
    OpsOption,
    check_sort,
    row_choice,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roofprof.timeline.shown.document import RankedTimeline


def timeline(
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A capture, or an nsys trace of any form.")],
    domain: DomainOption = None,
    ops: OpsOption = None,
    by: ByOption = None,
    layers: LayersOption = None,
    only: OnlyOption = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Order of the rows of each GPU: time (the default), share, median, gap, calls, name, order (as they "
            "first ran).",
            show_default=False,
        ),
    ] = "time",
    top: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Rows of each GPU; 0, and the default: all.")
    ] = None,
    as_json: JsonOption = False,
    explain: ExplainOption = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the JSON document here.")
    ] = None,
    perfetto: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write ops and kernels for ui.perfetto.dev, and print nothing.")
    ] = None,
) -> None:
    """Show what each GPU did, and its ops and kernels, from an nsys trace."""
    from roofprof.cli.outputs import say_unmatched, say_written
    from roofprof.cli.settings import or_configured

    ops = or_configured(ops, "ops")
    if perfetto is not None:
        from roofprof.pipeline.perfetto import export_perfetto

        say_written([export_perfetto(source, perfetto, domain, ops)])
        return
    from roofprof.pipeline.timeline import TimelineRequest, read_timelines
    from roofprof.timeline.shown.document import timeline_document
    from roofprof.timeline.shown.ranking import SORTS

    check_sort(sort, SORTS)
    chosen = row_choice(by, layers)
    rows, folded = chosen["by"] or "op", chosen["layers"] or "folded"
    lines = read_timelines(TimelineRequest(source, domain, ops, only, rows, sort, top or None, folded))
    say_unmatched(only, any(ranking.row_count for line in lines for ranking in line.rankings))
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
    for number, line in enumerate(lines):
        if number:
            console.print()
        print_timeline(line, console)
        for note in finding_lines(line.timeline.findings, explain):
            console.print(note, soft_wrap=True)
