"""`roofprof compare`: formula against measurement, worst first, with the gap split into factors."""

from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.outputs import check_output, say_unmatched, say_written, write_to
from roofprof.cli.report import reports_with_notes
from roofprof.cli.shared_options import (
    AnalysesArgument,
    ByOption,
    DomainOption,
    GpuOption,
    JsonOption,
    LayersOption,
    OnlyOption,
    OpsOption,
    Theme,
    ThemeOption,
    TopOption,
    check_sort,
    in_theme,
    keys_help,
    row_choice,
)
from roofprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roofprof.document.comparison import Comparison, Gap

_SORT_KEYS = {
    "gap": "",
    "order": "",
    "time": "time_ns",
    "ai": "intensity",
    "work-ratio": "work_ratio",
    "byte-ratio": "byte_ratio",
    "name": "label",
}
"""As `analyze` has them; `gap` is the distance of the two intensities, worst first."""


def compare(
    inputs: AnalysesArgument,
    against: Annotated[
        str | None, typer.Option(metavar="[document]", help="Add the reference document's claims to the comparison.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR|FILE", help="Output directory, or one file whose suffix says the format."
        ),
    ] = None,
    as_json: JsonOption = False,
    sort: Annotated[str | None, typer.Option(metavar="KEY", help=keys_help(_SORT_KEYS, "gap"))] = None,
    top: TopOption = None,
    gpu: GpuOption = None,
    ops: OpsOption = None,
    domain: DomainOption = None,
    only: OnlyOption = None,
    by: ByOption = None,
    layers: LayersOption = None,
    theme: ThemeOption = Theme.LIGHT,
) -> None:
    """Compare arithmetic intensity by formula with the measured one, op by op, worst first."""
    if against not in (None, "document"):
        raise UsageError(f"unknown reference {against!r} in --against", "use --against document")
    if sort is not None:
        check_sort(sort, _SORT_KEYS)
    if as_json and (sort or top is not None):
        raise UsageError("--sort and --top shape the table, not --json", "choose ops with --only")
    from roofprof.document.cases import cases_of
    from roofprof.document.comparison import compare as compare_cases
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.reports.outputs.registry import comparison_outputs
    from roofprof.reports.tables.compare import NARROWEST, WIDEST, document, print_comparisons

    if output:
        check_output(comparison_outputs(), output)
    request = AnalyzeRequest(inputs, gpu, domain, ops, only, **row_choice(by, layers))
    cases = cases_of(reports_with_notes(request))
    say_unmatched(only, bool(cases))
    comparisons = compare_cases(cases, against == "document")
    if output:
        with in_theme(theme):
            say_written(write_to(comparison_outputs(), comparisons, output))
    if as_json:
        import json

        print(json.dumps(document(comparisons), ensure_ascii=False, allow_nan=False))
        return
    from rich.console import Console

    width = min(max(get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    print_comparisons([sorted_gaps(found, sort or "gap") for found in comparisons], console, top or None)
    if cases and not any(found.gaps for found in comparisons):
        print("nothing here has a formula: put NVTX ranges around the ops, or map names with --ops (docs/ops-files.md)")


def sorted_gaps(found: "Comparison", sort: str) -> "Comparison":
    """A case with its ops in the order asked for: names ascending, numbers descending, unknown last."""
    if sort == "gap":
        return found
    return replace(found, gaps=tuple(_sorted(found.gaps, found, sort)))


def _sorted(gaps: "Sequence[Gap]", found: "Comparison", sort: str) -> "list[Gap]":
    if sort == "name":
        return sorted(gaps, key=lambda gap: gap.label)
    if sort == "order":
        places = {op.label: i for i, op in enumerate((*found.case.ops, *found.case.step_ops))}
        return sorted(gaps, key=lambda gap: places[gap.label])
    field = _SORT_KEYS[sort]

    def value(gap: "Gap") -> float | None:
        number: float | None = getattr(gap, field)
        return number

    return sorted(gaps, key=lambda gap: (value(gap) is None, -(value(gap) or 0.0)))
