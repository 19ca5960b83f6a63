"""`roofprof diff`: two analyses side by side, and a gate for continuous integration."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.outputs import say_written, write_to
from roofprof.cli.shared_options import CeilingsOption, DomainOption, OnlyOption, OpsOption
from roofprof.errors import RoofprofError, UsageError, crash

if TYPE_CHECKING:
    from roofprof.reports.tables.diff import ShownDiff
    from roofprof.results.report import RooflineReport

GATED = {
    "verdict": "verdict", "time": "time", "bytes": "dram_bytes", "flops": "flop_count", "roof": "roof", "any": "any",
}  # fmt: skip
"""Words of --on, and the metric that each means."""
ON_HELP = "What the gate judges: each op's verdict, its time, bytes, flops or roof alone, or any of these four."
WRONG = 2
"""Exit code of wrong usage and of errors: 1 and 3 are the gate's."""
_INPUT = "A capture, a saved analysis (report.json or its folder), an .ncu-rep file, or an nsys trace."


def diff_command(
    a: Annotated[Path, typer.Argument(metavar="A", help=f"Before. {_INPUT}")],
    b: Annotated[Path, typer.Argument(metavar="B", help="After: likewise.")],
    threshold: Annotated[
        str | None, typer.Option(help="Changes within it are none, such as 5%; 3% by default, or the gate's.")
    ] = None,
    gate: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="Exit 1 on a regression beyond it, 3 where in doubt, else 0.")
    ] = None,
    on: Annotated[str, typer.Option("--on", help=ON_HELP)] = "verdict",
    only: OnlyOption = None,
    top: Annotated[int | None, typer.Option(min=0, help="Rows of each case; 0 for all.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Directory, or one file: .md .html .json .csv .png .svg .pdf.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    ops: OpsOption = None,
    domain: DomainOption = None,
    ceilings: CeilingsOption = None,
) -> None:
    """Compare two analyses op by op: what changed, by how much, and whether that is more than chance.

    Exit code without --gate: 0, or 2 for wrong usage and errors. With --gate: 0 nothing regressed and nothing in
    doubt, 1 a regression, 3 in doubt (too few calls, nothing in common), 2 as before.
    """
    shown: ShownDiff | None = None
    try:
        shown = _shown(a, b, threshold, gate, on, (only, ops, domain, ceilings))
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


def _shown(
    a: Path,
    b: Path,
    threshold: str | None,
    gate: str | None,
    on: str,
    options: tuple[str | None, str | None, str | None, Path | None],
) -> "ShownDiff":
    from roofprof.changes.diff import DEFAULT_THRESHOLD, diff
    from roofprof.changes.gate import gate as judge
    from roofprof.reports.tables.diff import ShownDiff

    if on not in GATED:
        raise UsageError(f"unknown metric {on!r} in --on", f"use one of {', '.join(GATED)}")
    if gate is not None and threshold is not None:
        raise UsageError("--threshold and --gate say the same twice", "give the gate's alone")
    given = gate if gate is not None else threshold
    limit = DEFAULT_THRESHOLD if given is None else fraction(given, "--gate" if gate is not None else "--threshold")
    before, after = (_load(path, options) for path in (a, b))
    found = diff(before, after, limit, _pattern(options[0]))
    return ShownDiff(found, _names(a, b), judge(found, GATED[on]) if gate is not None else None)


def fraction(text: str, option: str) -> float:
    """`3%`, `3 %` or `0.03` as 0.03.

    Raises:
        UsageError: not a number, or not between 0 and 100 %.
    """
    words = text.strip()
    try:
        value = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise UsageError(f"{option} {text!r} is no percentage below 100", f"write {option} 3%")
    return value


def _load(path: Path, options: tuple[str | None, str | None, str | None, Path | None]) -> "RooflineReport":
    from roofprof.cli.report import reports_with_notes
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.pipeline.timeline_report import is_trace, timeline_report

    _, ops, domain, ceilings = options
    if is_trace(path):
        if ceilings is not None:
            raise UsageError(f"--ceilings does not apply to an nsys trace: {path}", "leave it out")
        return timeline_report(path, domain, ops)
    (report,) = reports_with_notes(AnalyzeRequest([path], None, domain, ops, ceilings=ceilings))
    return report


def _pattern(only: str | None) -> Callable[[str], bool] | None:
    from roofprof.pipeline.analyze import name_filter

    return name_filter(only)


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
