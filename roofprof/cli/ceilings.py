"""`roofprof ceilings`: the roofs that this GPU reaches, measured without a profiler."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def ceilings(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for analyze --ceilings, JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print that file on stdout and nothing else.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Bursts alone, and fewer sizes: about 20 s.")] = False,
) -> None:
    """Measure DRAM, L2, GEMM, FFMA and MUFU rates and the launch floor; show them beside the datasheet's."""
    from roofprof.harness.calibration.ceilings import measure

    def show(what: str) -> None:
        print(f"measuring {what}", file=sys.stderr)

    import json

    found = measure(quick, None if as_json else show)
    text = json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n"
    if output:
        from roofprof.errors import RoofprofError

        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise RoofprofError(f"cannot write {output}: {error.strerror}", "choose another file with -o") from None
    if as_json:
        print(text, end="")
        return
    from roofprof.reports.tables.ceilings import ceiling_lines

    print("\n".join(ceiling_lines(found)))
