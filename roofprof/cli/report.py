"""`roofprof report`: saved analyses, captures or reports to one document, picture or CSV, as the suffix says."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.outputs import say_unmatched
from roofprof.cli.shared_options import (
    AnalysesArgument,
    ByOption,
    CeilingsOption,
    DomainOption,
    GpuOption,
    LayersOption,
    OnlyOption,
    OpsOption,
    Theme,
    ThemeOption,
    in_theme,
    row_choice,
)
from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.results.report import RooflineReport


def report(
    inputs: AnalysesArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A document (.md, .html), picture (.png, .svg, .pdf) or .csv."
        ),
    ] = Path("roofline.md"),
    gpu: GpuOption = None,
    ops: OpsOption = None,
    domain: DomainOption = None,
    only: OnlyOption = None,
    ceilings: CeilingsOption = None,
    by: ByOption = None,
    layers: LayersOption = None,
    by_phase: Annotated[
        bool, typer.Option("--by-phase", help="One picture per phase: NAME-decode.png and so on.")
    ] = False,
    theme: ThemeOption = Theme.LIGHT,
) -> None:
    """Write the roofline document: placement, formulas, bottlenecks, scaling, opportunities, provenance."""
    write = _writer(output, by_phase)
    from roofprof.pipeline.analyze import AnalyzeRequest

    request = AnalyzeRequest(inputs, gpu, domain, ops, only, ceilings=ceilings, **row_choice(by, layers))
    from roofprof.formatting import printable

    reports = reports_with_notes(request)
    with in_theme(theme):
        paths = write(reports, output)
    say_unmatched(only, any(report.ops for report in reports))
    for path in paths:
        print(f"wrote {printable(str(path))}", file=sys.stderr)


def reports_with_notes(request: "AnalyzeRequest") -> "list[RooflineReport]":
    """One analysis for each input, read or made, under this run's config file.

    Says which it used where a folder holds a capture and an analysis, and what of the config file.

    Raises:
        RoofprofError: an input cannot be read, or an option not be applied to it.
    """
    from roofprof.cli.settings import config, say
    from roofprof.pipeline.analyze import load_reports

    return load_reports(replace(request, config=config()), say)


def _writer(output: Path, by_phase: bool) -> "Callable[[Sequence[RooflineReport], Path], list[Path]]":
    """What writes a file of this suffix, chosen before anything is read."""
    from roofprof.reports.outputs.registry import analysis_outputs, required_output

    outputs = analysis_outputs()
    found = required_output(outputs, output)
    if not by_phase:
        return found.write
    if found.write_by_phase is None:
        known = ", ".join(suffix for o in outputs if o.write_by_phase for suffix in o.suffixes)
        raise UsageError("--by-phase is for pictures", f"give -o a name ending in {known}")
    return found.write_by_phase
