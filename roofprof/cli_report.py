"""`roofprof report`: saved analyses, captures or reports to one document."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.errors import RoofprofError, UsageError

if TYPE_CHECKING:
    from roofprof.results import RooflineReport


def report(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="report.json files, folders that hold one, captures, all_kernels.csv or .ncu-rep files."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The document: .md or .html.")] = Path("roofline.md"),
    gpu: Annotated[
        str, typer.Option(help="GPU whose roofs to use for captures and .ncu-rep files; report.json has its own.")
    ] = "gb200",
    ops: Annotated[str | None, typer.Option(help="Ops file for .ncu-rep files with foreign range names.")] = None,
) -> None:
    """Write the roofline document: placement, formulas, bottlenecks, scaling, opportunities, provenance."""
    check_suffix(output)
    write_report(load_reports(inputs, gpu, ops), output)
    print(f"wrote {output}", file=sys.stderr)


def check_suffix(path: Path) -> None:
    """Refuse an output that no renderer writes, before anything is read.

    Raises:
        UsageError: neither .md nor .html.
    """
    if path.suffix.lower() not in (".md", ".html"):
        raise UsageError(f"no document is written as {path.name!r}", "give -o a name ending in .md or .html")


def load_reports(inputs: Sequence[Path], gpu: str = "gb200", ops: str | None = None) -> "list[RooflineReport]":
    """One analysis for each input, read or made.

    Raises:
        RoofprofError: an input cannot be read.
    """
    from roofprof.pipeline import AnalyzeRequest, analyze_files
    from roofprof.reports.all_kernels import read_all_kernels
    from roofprof.results import load_report

    reports = []
    for path in inputs:
        saved = path / "report.json" if path.is_dir() else path
        if saved.suffix == ".csv":
            reports.append(read_all_kernels(saved))
        elif saved.suffix == ".json" and (saved.exists() or not path.is_dir()):
            reports.append(load_report(saved))
        else:
            reports.append(analyze_files(AnalyzeRequest([path], gpu, ops=ops)))
    return reports


def write_report(reports: "Sequence[RooflineReport]", path: Path) -> None:
    """Write the document that the suffix asks for.

    Raises:
        UsageError: no such document.
        RoofprofError: the file cannot be written.
    """
    check_suffix(path)
    if path.suffix.lower() == ".md":
        from roofprof.reports.markdown_report import write_markdown

        write_markdown(reports, path)
        return
    try:
        from roofprof.reports.html_report import write_html  # type: ignore[import-not-found, unused-ignore]
    except ModuleNotFoundError as error:
        raise UsageError(f"no HTML can be written: {error}", "give -o a name ending in .md") from None
    try:
        write_html(reports, path)
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror or error}", "choose another file with -o") from None
