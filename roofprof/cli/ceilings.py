"""`roofprof ceilings`: the roofs this GPU reaches, measured without a profiler."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from roofprof.cli.progress import print_json


def ceilings(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="File for analyze --ceilings, JSON.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print that file on stdout and nothing else.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Bursts only, and fewer sizes: about 20 s.")] = False,
    ranks: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Instead, the link's: a peer's memory, and all-reduce by size on so many GPUs."
        ),
    ] = 1,
) -> None:
    """Measure DRAM, L2, GEMM, FFMA and MUFU rates and the launch floor; show them beside the datasheet's."""
    if ranks > 1:
        _print_links(ranks, output, as_json)
        return
    from roofprof.harness.calibration.ceilings import measure

    def show(what: str) -> None:
        print(f"measuring {what}", file=sys.stderr)

    found = measure(quick, None if as_json else show)
    if output:
        from roofprof.files import write_json

        write_json(output, found.as_dict(), "choose another file with -o")
    if as_json:
        print_json(found.as_dict())
        return
    from roofprof.reports.tables.ceilings import ceiling_lines

    print("\n".join(ceiling_lines(found)))


def _print_links(ranks: int, output: Path | None, as_json: bool) -> None:
    from roofprof.profiler.ranks.links import measure_links

    found = measure_links(ranks)
    if output:
        from roofprof.files import write_json

        write_json(output, found, "choose another file with -o")
    if as_json:
        print_json(found)
        return
    from roofprof.reports.tables.ceilings import link_lines

    print("\n".join(link_lines(found)))
