"""`roofprof analyze`: reports to a table, files and a picture."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roofprof.cli.outputs import check_folder, check_output, say_unmatched, say_written, write_to
from roofprof.cli.shared_options import (
    ByOption,
    CeilingsOption,
    DomainOption,
    ExplainOption,
    GpuOption,
    LayersOption,
    OnlyOption,
    OpsOption,
    Theme,
    ThemeOption,
    check_sort,
    in_theme,
    keys_help,
    row_choice,
)
from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.results.op import OpResult
    from roofprof.results.report import RooflineReport

PROGRESS_AFTER_S = 1.0

_SORT_KEYS: dict[str, str] = {
    "order": "",
    "headroom": "headroom_ns",
    "time": "time_ns",
    "bytes": "dram_bytes",
    "flop": "flop_count",
    "ai": "arithmetic_intensity",
    "work-ratio": "work_ratio",
    "byte-ratio": "byte_ratio",
    "roof": "roof_fraction",
    "name": "op",
}


class NcuReader(StrEnum):
    """Values of --reader."""

    OWN = "roofprof"
    NCU_REPORT = "ncu-report"


def analyze(
    reports: Annotated[
        list[Path], typer.Argument(help="Captures and .ncu-rep files, or one saved analysis to make its outputs again.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR|FILE", help="Output directory, or one file whose suffix says the format."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print report.json on stdout and nothing else there.")
    ] = False,
    plots: Annotated[
        bool, typer.Option("--plots", help="With -o: also memory levels, time shares, scaling with batch and length.")
    ] = False,
    by_phase: Annotated[bool, typer.Option("--by-phase", help="With -o: also one roofline per phase.")] = False,
    theme: ThemeOption = Theme.LIGHT,
    gpu: GpuOption = None,
    ops: OpsOption = None,
    domain: DomainOption = None,
    by: ByOption = None,
    layers: LayersOption = None,
    ranks: Annotated[
        bool, typer.Option("--ranks", help="The files are ranks 0, 1, ... of one job, in this order.")
    ] = False,
    timeline: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="nsys trace of the same command, with --ranks one for each; a capture holds its own."
        ),
    ] = None,
    selfcheck: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE", help="A selfcheck.json, or its directory; a capture's own is picked up automatically."
        ),
    ] = None,
    ceilings: CeilingsOption = None,
    only: OnlyOption = None,
    sort: Annotated[str | None, typer.Option(metavar="KEY", help=keys_help(_SORT_KEYS, "headroom"))] = None,
    top: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Rows of each case; 0: all. By default as many as fit a screen."),
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, as wide as they need.")] = False,
    explain: ExplainOption = False,
    reader: Annotated[
        NcuReader | None,
        typer.Option(
            metavar="[roofprof|ncu-report]",
            help="Reader of .ncu-rep files: roofprof's own by default, or NVIDIA's ncu-report module.",
        ),
    ] = None,
) -> None:
    """Read ncu reports and place every op on a GPU's roofline, formula beside measured."""
    if sort is not None:
        check_sort(sort, _SORT_KEYS)
    if as_json and (sort or top is not None or wide):
        raise UsageError("--sort, --top and --wide shape the table, not --json", "choose ops with --only")
    if (plots or by_phase) and output is None:
        raise UsageError("--plots and --by-phase write files", "say where with -o")
    if output and (plots or by_phase):
        check_folder(output)
    from roofprof.cli.settings import config, say
    from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
    from roofprof.reports.outputs.registry import analysis_outputs

    if output:
        check_output(analysis_outputs(), output)

    chosen = row_choice(by, layers)
    request = AnalyzeRequest(
        reports, gpu, domain, ops, only, timeline or None, selfcheck, ceilings, _reader(reader), **chosen,
        config=config(),
    )  # fmt: skip
    if ranks:
        request = replace(request, ranks=True)
    report = analyze_files(request, _progress(), say)
    paths: list[Path] = []
    if output:
        with in_theme(theme):
            paths = _write(report, output, plots, by_phase)
    if as_json:
        print(report.to_json())
    else:
        print_table(report, sort or "headroom", top, wide, only is not None)
    say_unmatched(only, bool(report.ops))
    print_findings(report, explain)
    say_written(paths)


def _reader(chosen: NcuReader | None) -> 'Literal["roofprof", "ncu-report"] | None':
    return None if chosen is None else "ncu-report" if chosen is NcuReader.NCU_REPORT else "roofprof"


def _write(report: "RooflineReport", output: Path, plots: bool, by_phase: bool) -> "list[Path]":
    from roofprof.reports.outputs.registry import analysis_outputs

    paths = write_to(analysis_outputs(), [report], output)
    if plots or by_phase:
        from roofprof.reports.plots.save import save_by_phase, save_plots

        paths += save_plots([report], output, by_phase) if plots else save_by_phase([report], output)
    return paths


def print_table(report: "RooflineReport", sort: str, top: int | None, wide: bool, chosen: bool = False) -> None:
    """The first screen, or every column of every row.

    Args:
        report: an analysis.
        sort: a key of the table's orders.
        top: rows of each case; 0 for all, None for as many as fit a screen.
        wide: all columns.
        chosen: whether --only left some ops out.
    """
    from roofprof.advice.answer import answers_of

    if wide:
        from roofprof.reports.tables.ops import print_ops

        shown = [row.op for answer in answers_of(report, partial(sorted_ops, sort=sort), top or None, every=True)
                 for row in answer.rows]  # fmt: skip
        print_ops(report, shown, sys.stdout, wide)
        return
    from roofprof.reports.tables.answer import ROWS, print_answers

    answers = answers_of(report, partial(sorted_ops, sort=sort), ROWS if top is None else top or None, every=top == 0)
    print_answers(report, answers, sys.stdout, terminal_width(), chosen)


def sorted_ops(ops: "Sequence[OpResult]", sort: str) -> "list[OpResult]":
    """Ops in the order asked for: names ascending, numbers descending, unknown last."""
    if sort == "order":
        return list(ops)
    if sort in ("headroom", "time"):
        from roofprof.advice.answer import by_headroom, by_time

        return by_headroom(ops) if sort == "headroom" else by_time(ops)
    if sort == "name":
        return sorted(ops, key=lambda op: op.label)
    field = _SORT_KEYS[sort]

    def value(op: "OpResult") -> float | None:
        return op.of_roof if field == "roof_fraction" else getattr(op, field)

    return sorted(ops, key=lambda op: (value(op) is None, -(value(op) or 0.0)))


def print_findings(report: "RooflineReport", explain: bool) -> None:
    """On stderr: in a few lines, or each with `explain`."""
    from roofprof.advice.notes import notes_of
    from roofprof.reports.tables.findings import finding_lines, summary_lines

    sys.stdout.flush()
    captures = {str(entry["name"]) for entry in report.reports if entry.get("capture")}
    width = terminal_width()
    brief = summary_lines(notes_of(report, report.ops), width, captures)
    for line in finding_lines(report.findings, True) if explain else brief:
        print(line, file=sys.stderr)


def terminal_width() -> int:
    """Columns of the terminal, 100 where there is none."""
    return shutil.get_terminal_size((100, 40)).columns


def _progress() -> Callable[[int, int], None]:
    """Progress on stderr, once reading has taken a second."""
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        if time.monotonic() - started > PROGRESS_AFTER_S:
            end = "\n" if done >= total or not sys.stderr.isatty() else "\r"
            print(f"read {done} of {total} launches", end=end, file=sys.stderr, flush=True)

    return show
