"""`roofprof demo`: the first screen on a capture that comes with roofprof."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from roofprof.results.report import RooflineReport

FOLDER = Path("roofprof-demo")


def demo(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="deepseek-r1 or sglang.")] = "deepseek-r1",
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the capture, its picture and its tables.")
    ] = FOLDER,
) -> None:
    """Analyze a sample capture that comes with roofprof: needs no GPU and no file."""
    from roofprof.cli.analyze import print_findings, print_table
    from roofprof.cli.outputs import write_to
    from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
    from roofprof.reports.outputs.registry import analysis_outputs
    from roofprof.samples import SAMPLES, unpack

    capture = unpack(sample, output)
    print(SAMPLES[sample].title)
    report = analyze_files(AnalyzeRequest([capture]))
    write_to(analysis_outputs(), [report], output / f"{sample}-out")
    print_table(_first(report, SAMPLES[sample].first), "headroom", None, wide=False)
    print_findings(report, explain=False)
    sys.stderr.flush()
    for line in _next(sample, capture, output / f"{sample}-out"):
        print(line)


def _first(report: "RooflineReport", case: tuple[str, int] | None) -> "RooflineReport":
    """The part of a report that fits a screen."""
    if case is None:
        return report
    return replace(report, ops=[op for op in report.ops if (op.phase, op.batch) == case])


def _next(sample: str, capture: Path, written: Path) -> list[str]:
    """What to do after it, in commands that work as they stand."""
    commands = [
        (f"roofprof analyze {capture}", "every case; --wide: every column"),
        (f"roofprof report {capture} -o roofline.html", "a page to search and to share"),
        ("roofprof capture --phase decode", "the same on a GPU of your own"),
        ("roofprof capture -- python app.py", "any workload"),
    ]
    width = max(len(command) for command, _ in commands) + 2
    lines = ["", f"picture, tables: {written}/roofline.png, ops.csv and others", "next:"]
    terminal = shutil.get_terminal_size((100, 40)).columns
    for command, words in commands:
        line = f"  {command:<{width}}{words}"
        lines += [line] if len(line) <= terminal else [f"  {command}"]
    return lines
