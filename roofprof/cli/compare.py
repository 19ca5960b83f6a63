"""`roofprof compare`: formula against measurement, worst first, with the gap split into factors."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from roofprof.cli.report import load_reports
from roofprof.errors import UsageError


def compare(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="report.json files, folders that hold one, captures, all_kernels.csv or .ncu-rep files."),
    ],
    against: Annotated[
        str | None, typer.Option(help="'document': add the reference document's claims to the comparison.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for compare.csv, .json, .png and .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="Show only the first N rows of each case.")] = None,
    gpu: Annotated[
        str, typer.Option(help="Target GPU for the roofline of captures and .ncu-rep files; report.json has its own.")
    ] = "gb200",
    ops: Annotated[str | None, typer.Option(help="Ops file for .ncu-rep files with foreign range names.")] = None,
) -> None:
    """Compare arithmetic intensity by formula with the measured one, op by op, worst first."""
    if against not in (None, "document"):
        raise UsageError(f"unknown reference {against!r} in --against", "use --against document")
    from roofprof.document.cases import cases_of
    from roofprof.document.comparison import compare as compare_cases
    from roofprof.reports.tables.compare import document, print_comparisons, write_comparisons

    comparisons = compare_cases(cases_of(load_reports(inputs, gpu, ops)), against == "document")
    if output:
        from roofprof.reports.plots.compare import save_comparison

        paths = [*write_comparisons(comparisons, output), *save_comparison(comparisons, output)]
        print(f"wrote {', '.join(path.name for path in paths)} to {output}", file=sys.stderr)
    if as_json:
        import json

        print(json.dumps(document(comparisons), ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console

    console = Console(width=100, highlight=False, markup=False, emoji=False)
    print_comparisons(comparisons, console, top)
    if not any(found.gaps for found in comparisons):
        print("none of these ops has a formula: their range names carry no shapes, see docs/ops-files.md")
