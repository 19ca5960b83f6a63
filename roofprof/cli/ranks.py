"""`roofprof capture --ranks N`: the ranks started by us, and what it says of them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roofprof.cli.options import Values
from roofprof.cli.progress import print_json, print_next
from roofprof.errors import UsageError
from roofprof.profiler.run.options import CaptureOptions

if TYPE_CHECKING:
    from roofprof.profiler.ranks.launch import RanksResult
    from roofprof.profiler.ranks.summary import RankRun


def capture_on_ranks(
    layer: Values,
    folder: Path,
    command: tuple[str, ...],
    force: bool,
    deadline_s: float | None,
    dry_run: bool,
    chip: str | None,
    as_json: bool,
    alone: tuple[bool, str],
) -> None:
    """Capture and print, or print the plan.

    Args:
        alone: an option that several ranks do not take, whether it is given, and what to do instead.
    """
    from roofprof.cli.rank import cut_over
    from roofprof.profiler.ranks.launch import capture_ranks
    from roofprof.profiler.ranks.rank import DEADLINE_S

    if alone[0]:
        raise UsageError("--ranks and --selfcheck exclude each other", alone[1])
    if chip and not dry_run:
        raise UsageError("--chip requires --dry-run", "a capture plans for the GPU that is there")
    options = CaptureOptions(output=folder, command=command, force=force, **cut_over(layer, layer["ranks"]))
    deadline_s = DEADLINE_S if deadline_s is None else deadline_s
    if dry_run:
        _print_plan(options, chip, deadline_s, as_json)
        return
    result = capture_ranks(options, deadline_s, (lambda _: None) if as_json else _print_run)
    if as_json:
        print_json(_as_dict(result))
    else:
        for note in result.notes:
            print(f"note: {note}")
        print(f"{result.path}: {result.state}, {result.count} ranks")
        if any(run.whole or run.partial for run in result.runs):
            print_next(result.path)
    if result.state != "complete":
        raise typer.Exit(1)


def _as_dict(result: "RanksResult") -> dict[str, object]:
    runs = [run.as_dict() for run in result.runs]
    return {"path": str(result.path), "state": result.state, "count": result.count, "runs": runs}


def _print_run(run: "RankRun") -> None:
    from roofprof.formatting import printable

    print(f"{run.state:<8}  {run.title}: {run.words}, {run.wall_s:.1f} s", flush=True)
    for cause in dict.fromkeys(run.causes.values()):
        from roofprof.profiler.ranks.summary import shown_ranks

        ranks = [rank for rank, why in run.causes.items() if why == cause]
        print(printable(f"          rank {shown_ranks(ranks)}: {cause}"), flush=True)


def _print_plan(options: CaptureOptions, chip: str | None, deadline_s: float, as_json: bool) -> None:
    import shlex

    from roofprof.cli.capture import print_plan
    from roofprof.profiler.ranks.launch import launch_command

    if not as_json:
        command = launch_command(options, "RUN", 0, deadline_s)
        print(f"for each run below, started once on {options.ranks} ranks:\n  {shlex.join(command)}")
        print("and in each process, here that of rank 0:")
    print_plan(replace(options, output=options.output / "rank000", groups=(*options.groups, "link")), chip, as_json)
