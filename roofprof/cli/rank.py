"""`roofprof rank`: what a launcher starts on every GPU."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.capture import SETTINGS as CAPTURE_SETTINGS
from roofprof.cli.options import Values, takes
from roofprof.cli.progress import ProgressLine, print_result
from roofprof.cli.shared_options import DEADLINE_HELP
from roofprof.errors import UsageError
from roofprof.profiler.run.options import CaptureOptions

if TYPE_CHECKING:
    from roofprof.profiler.ranks.place import RankPlace

SETTINGS = CAPTURE_SETTINGS
"""What typer is told of the command: --ncu-args are split as capture's are."""


@takes("capture", layer=CaptureOptions)
def rank_command(
    layer: Values,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="After --: another workload than the layer, such as python app.py."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Directory that all ranks share.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            help="nsys, core, cuda_core or link; without it what ROOFPROF_RUN says, else all, one after another."
        ),
    ] = None,
    deadline: Annotated[float | None, typer.Option(help=DEADLINE_HELP, metavar="SECONDS")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace this rank's earlier capture.")] = False,
) -> None:
    """Capture one rank of a job that torchrun, srun or mpirun started: DIR/rank000, rank001, ..."""
    from roofprof.profiler.ranks.place import find_place
    from roofprof.profiler.ranks.rank import DEADLINE_S, RankRequest, capture_rank

    if output is None:
        raise UsageError("no directory is given", "add -o DIR, a folder that all ranks share")
    place = find_place()
    options = CaptureOptions(output=output, command=tuple(command or ()), force=force, **cut_over(layer, place.count))
    _check_count(options, place)
    run = run or os.environ.get("ROOFPROF_RUN") or None
    progress = ProgressLine() if place.rank == 0 else None
    request = RankRequest(options, run, DEADLINE_S if deadline is None else deadline)
    states = []
    for result in capture_rank(request, place, progress):
        print_result(result, as_json=False)
        states.append(result.state)
    if set(states) != {"complete"}:
        raise typer.Exit(1)


def cut_over(layer: Values, count: int) -> Values:
    """The layer's options with all ranks as one TP group, where neither --tp nor --ep says how they are cut."""
    given = {**layer, "ranks": layer["ranks"] if layer["ranks"] > 1 else count}
    if layer["tp"] == layer["ep"] == 1:
        given["tp"] = given["ranks"]
    return given


def _check_count(options: CaptureOptions, place: "RankPlace") -> None:
    if options.ranks != place.count:
        message = f"--ranks {options.ranks}, and {place.launcher} started {place.count}"
        raise UsageError(message, "leave --ranks out: the launcher says how many there are")
