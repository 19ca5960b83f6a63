"""roofprof doctor."""

from typing import Annotated

import typer

from roofprof.cli.progress import print_json


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ops: Annotated[bool, typer.Option(help="Also ask the harness which ops can run here.")] = True,
    ranks: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Also look at so many GPUs together; done where there are several."),
    ] = None,
) -> None:
    """Check whether capture can work on this machine, and say what to do where it cannot."""
    from roofprof.formatting import printable
    from roofprof.profiler.doctor import doctor, exit_status

    checks = doctor(harness=ops, ranks=ranks)
    if as_json:
        print_json({"ok": not exit_status(checks), "checks": [check.as_dict() for check in checks]})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            print(printable(f"{check.status:<4}  {check.name:<{width}}  {check.detail}"))
            if check.remedy and check.status != "ok":
                print(printable(f"      {'':<{width}}  -> {check.remedy}"))
    if exit_status(checks):
        raise typer.Exit(1)
