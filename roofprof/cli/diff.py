"""`roofprof diff`: two analyses side by side, and a gate for continuous integration."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.gate import GateOption, GateWords, NoGateOption, OnOption, gate_choice
from roofprof.cli.outputs import check_output, say_unmatched, say_written, write_to
from roofprof.cli.shared_options import (
    CeilingsOption,
    DomainOption,
    OnlyOption,
    OpsOption,
    Theme,
    ThemeOption,
    in_theme,
)
from roofprof.errors import RoofprofError, UsageError, crash
from roofprof.options import name_filter

if TYPE_CHECKING:
    from roofprof.reports.tables.diff import ShownDiff
    from roofprof.results.report import RooflineReport

WRONG = 2
"""Exit code of wrong usage and of errors: 1 and 3 are the gate's."""
_INPUT = "A capture, a saved analysis (report.json or its folder), an .ncu-rep file, or an nsys trace."


def diff_command(
    a: Annotated[Path, typer.Argument(metavar="A", help=f"Before. {_INPUT}")],
    b: Annotated[Path, typer.Argument(metavar="B", help="After: likewise.")],
    threshold: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Changes within it are none, such as 5%; 3% by default, or the gate's."),
    ] = None,
    gate: GateOption = None,
    no_gate: NoGateOption = False,
    on: OnOption = None,
    only: OnlyOption = None,
    top: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Rows of each case; 0: all. By default 20.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR|FILE", help="Directory, or one file: .md .html .json .csv .png .svg .pdf."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    ops: OpsOption = None,
    domain: DomainOption = None,
    ceilings: CeilingsOption = None,
    theme: ThemeOption = Theme.LIGHT,
) -> None:
    """Compare two analyses op by op: what changed, by how much, and whether that is more than chance.

    Exit code without a gate: 0, or 2 for wrong usage and errors. With one: 0 nothing regressed and nothing in
    doubt, 1 a regression, 3 in doubt (too few calls, nothing in common), 2 as before.
    """
    reading = Reading(ops, domain, ceilings)
    words = GateWords(gate, no_gate, on, threshold)
    with in_theme(theme):
        compare_sides(Side(a, reading), Side(b, reading), words, only, top, output, as_json)


@dataclass(frozen=True, slots=True)
class Reading:
    """Options of how a side is read."""

    ops: str | None = None
    domain: str | None = None
    ceilings: Path | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Before or after."""

    path: Path
    reading: Reading


def compare_sides(
    a: Side, b: Side, gate: GateWords, only: str | None, top: int | None, output: Path | None, as_json: bool
) -> None:
    """Compare, write and print; end with the gate's exit code, where there is a gate.

    Raises:
        RoofprofError: with exit code 2.
    """
    from roofprof.reports.outputs.registry import diff_outputs

    shown: ShownDiff | None = None
    try:
        if output:
            check_output(diff_outputs(), output)
        shown = _shown(a, b, gate, only)
        _print(shown, top, output, as_json)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read stdout has ended: the gate's answer stands all the same
    except RoofprofError as error:
        error.exit_code = WRONG
        raise
    except Exception as error:
        failed = crash(error)
        failed.exit_code = WRONG
        raise failed from error
    if shown and shown.gate:
        raise typer.Exit(shown.gate.exit_code)


def _shown(a: Side, b: Side, gate: GateWords, only: str | None) -> "ShownDiff":
    from roofprof.changes.diff import diff
    from roofprof.changes.gate import gate as judge
    from roofprof.reports.tables.diff import ShownDiff

    choice = gate_choice(gate, only)
    before, after = (_load(side) for side in (a, b))
    found = diff(before, after, choice.threshold, name_filter(only))
    say_unmatched(only, bool(found.rows))
    judged = None if choice.metric is None else judge(found, choice.metric, choice.only)
    return ShownDiff(found, _names(a.path, b.path), judged)


def _load(side: Side) -> "RooflineReport":
    from roofprof.cli.report import reports_with_notes
    from roofprof.cli.settings import or_configured
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.pipeline.timeline_report import is_trace, timeline_report

    path, given = side.path, side.reading
    if is_trace(path):
        if given.ceilings is not None:
            raise UsageError(f"--ceilings does not apply to an nsys trace: {path}", "leave it out")
        return timeline_report(path, given.domain, or_configured(given.ops, "ops"))
    (report,) = reports_with_notes(AnalyzeRequest([path], None, given.domain, given.ops, ceilings=given.ceilings))
    return report


def _names(a: Path, b: Path) -> tuple[str, str]:
    if a.resolve() == b.resolve():
        return str(a), f"{b} (the same)"
    return str(a), str(b)


def _print(shown: "ShownDiff", top: int | None, output: Path | None, as_json: bool) -> None:
    from roofprof.reports.outputs.registry import diff_outputs
    from roofprof.reports.tables.diff import SHOWN, json_text, text_lines

    if output:
        say_written(write_to(diff_outputs(), [shown], output))
    if as_json:
        print(json_text(shown))
        return
    width = shutil.get_terminal_size((100, 40)).columns
    for line in text_lines(shown, width, SHOWN if top is None else top or None):
        print(line)
    sys.stdout.flush()
