"""`roofprof selfcheck`: are this GPU's counters right? Kernels with expected counts, captured and checked."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.progress import ProgressLine, print_json, print_result
from roofprof.errors import RoofprofError, UsageError

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck


def selfcheck(
    directory: Annotated[
        Path | None,
        typer.Argument(help="A captured self-check to evaluate; without it the kernels run here."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Output directory.  [default: selfcheck]")
    ] = None,
    capture_only: Annotated[
        bool,
        typer.Option("--capture-only", help="Run the kernels; evaluate them later, where polars is installed."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier self-check.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print selfcheck.json on stdout and nothing else.")] = False,
) -> None:
    """Check each counter on kernels with expected counts; exit code 1 when one is wrong."""
    if directory and (output or capture_only or force):
        raise UsageError(
            "a captured self-check takes no option but --json", "leave the directory out to run the kernels"
        )
    if directory is None:
        directory = _capture(output or Path("selfcheck"), force, quiet=as_json)
    if capture_only:
        return
    from roofprof.pipeline.selfcheck import evaluate_capture

    result = evaluate_capture(directory)
    _keep(result, directory)
    if as_json:
        print_json(result.as_dict())
    else:
        _print(result)
    if not result.passed:
        raise typer.Exit(1)


def _capture(output: Path, force: bool, quiet: bool) -> Path:
    from roofprof.profiler.capture.selfcheck import capture_selfcheck

    capture = capture_selfcheck(output, force, None if quiet else ProgressLine())
    if not quiet:
        print_result(capture, as_json=False)
    return capture.path


def _keep(result: "Selfcheck", directory: Path) -> None:
    """Write selfcheck.json beside the capture; where that cannot be written, say so and go on without it."""
    from roofprof.files import write_json
    from roofprof.selfcheck.result import SELFCHECK

    try:
        write_json(directory / SELFCHECK, result.as_dict())
    except RoofprofError as error:
        print(f"warning: {error.message}", file=sys.stderr)


def _print(result: "Selfcheck") -> None:
    from rich.console import Console

    from roofprof.reports.tables.selfcheck import print_selfcheck

    print_selfcheck(result, Console(width=200, highlight=False, markup=False, emoji=False))
