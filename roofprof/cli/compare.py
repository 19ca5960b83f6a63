"""`roofprof compare`: formula against measurement, worst first, with the gap split into factors."""

from pathlib import Path
from typing import Annotated

import typer

from roofprof.cli.outputs import say_written, write_to
from roofprof.cli.report import reports_with_notes
from roofprof.cli.shared_options import (
    AnalysesArgument,
    ByOption,
    DomainOption,
    GpuOption,
    LayersOption,
    OnlyOption,
    OpsOption,
    row_choice,
)
from roofprof.errors import UsageError


def compare(
    inputs: AnalysesArgument,
    against: Annotated[
        str | None, typer.Option(help="'document': add the reference document's claims to the comparison.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Output directory, or one file whose suffix says the format."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="Show only the first N rows of each case.")] = None,
    gpu: GpuOption = None,
    ops: OpsOption = None,
    domain: DomainOption = None,
    only: OnlyOption = None,
    by: ByOption = None,
    layers: LayersOption = None,
) -> None:
    """Compare arithmetic intensity by formula with the measured one, op by op, worst first."""
    if against not in (None, "document"):
        raise UsageError(f"unknown reference {against!r} in --against", "use --against document")
    if as_json and top:
        raise UsageError("--top shapes the table, not --json", "choose ops with --only")
    from roofprof.document.cases import cases_of
    from roofprof.document.comparison import compare as compare_cases
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.reports.tables.compare import document, print_comparisons

    request = AnalyzeRequest(inputs, gpu, domain, ops, only, **row_choice(by, layers))
    comparisons = compare_cases(cases_of(reports_with_notes(request)), against == "document")
    if output:
        from roofprof.reports.outputs.registry import comparison_outputs

        say_written(write_to(comparison_outputs(), comparisons, output))
    if as_json:
        import json

        print(json.dumps(document(comparisons), ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console

    console = Console(width=100, highlight=False, markup=False, emoji=False)
    print_comparisons(comparisons, console, top)
    if not any(found.gaps for found in comparisons):
        print("nothing here has a formula: put NVTX ranges round the ops, or map names with --ops (docs/ops-files.md)")
