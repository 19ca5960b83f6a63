"""`roofprof sweep`: captures over batch sizes and lengths, and the scaling report of all of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.options import Values, takes
from roofprof.cli.outputs import say_written
from roofprof.cli.progress import ProgressLine
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.sweep.plan import SweepOptions

if TYPE_CHECKING:
    from roofprof.profiler.sweep.sweep import SweepResult


@takes("sweep", {"batch": (1, 2, 4, 8, 16, 32, 64, 128, 256)}, layer=CaptureOptions, lengths=SweepOptions)
def sweep_command(
    layer: Values,
    lengths: Values,
    gpu: Annotated[
        str | None, typer.Option(metavar="NAME|FILE|same", help="Target GPU for the roofline; gb200 by default.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Output directory; sweep-PHASE by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Capture every point again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the captures and exit.")] = False,
    capture_only: Annotated[
        bool, typer.Option("--capture-only", help="Capture; the same command reports later, where polars is installed.")
    ] = False,
) -> None:
    """Capture the layer at several sizes and report how it scales; run again, it resumes where it stopped."""
    from roofprof.profiler.sweep.plan import planned_captures
    from roofprof.profiler.sweep.sweep import sweep

    base = CaptureOptions(output=output or Path(f"sweep-{layer['phase']}"), force=force, **layer)
    options = SweepOptions(base, **lengths)
    if dry_run:
        for item in planned_captures(options):
            print(f"{item.name}: batch {','.join(map(str, item.batches))}")
        return
    _check_gpu(gpu)
    result = sweep(options, ProgressLine(), _say)
    if not capture_only:
        _report(result, options, gpu)
    _tell(result)
    if result.failures:
        raise typer.Exit(1)


def _say(line: str) -> None:
    from roofprof.formatting import printable

    end = "\x1b[K" if sys.stderr.isatty() else ""
    print(f"{printable(line)}{end}", file=sys.stderr, flush=True)


def _check_gpu(given: str | None) -> None:
    """Refuse an unknown GPU before hours of capturing, not after."""
    from roofprof.cli.settings import config
    from roofprof.hardware.devices import SAME_GPU, load_gpu

    gpu = given or config().gpu()
    if gpu not in (None, SAME_GPU):
        load_gpu(gpu)


def _report(result: "SweepResult", options: SweepOptions, gpu: str | None) -> None:
    """Write the scaling report of what is there, and say what is not."""
    from roofprof.cli.settings import config, say
    from roofprof.document.cases import cases_of
    from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
    from roofprof.reports.outputs.registry import analysis_outputs, write_folder
    from roofprof.reports.plots.save import save_scaling
    from roofprof.reports.tables.scaling import case_lines, write_scaling

    folder = options.base.output
    report = analyze_files(AnalyzeRequest(result.captures, gpu, config=config()), say=say)
    paths = write_folder(analysis_outputs(), [report], folder)
    paths += [*write_scaling(report, folder), *save_scaling([report], folder)]
    print("\n".join(case_lines(cases_of([report]))).rstrip())
    say_written(paths)


def _tell(result: "SweepResult") -> None:
    for failure in result.failures:
        hint = f" ({failure.hint})" if failure.hint else ""
        _say(f"warning: {failure.name}: {failure.message}{hint}")
    if result.failures:
        print("hint: the same command again captures what is missing", file=sys.stderr)
