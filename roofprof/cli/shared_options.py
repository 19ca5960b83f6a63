"""Typer parameters that several commands take with the same help."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AnalysesArgument: TypeAlias = Annotated[
    list[Path],
    typer.Argument(help="Saved analyses (report.json, its folder, all_kernels.csv), captures or .ncu-rep files."),
]
GpuOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Target GPU for the roofline; gb200 by default, and a saved analysis' own.")
]
OpsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Ops file for captures and .ncu-rep files with foreign range names.")
]
DomainOption: TypeAlias = Annotated[str | None, typer.Option(help="NVTX domain whose ranges are ops.")]
OnlyOption: TypeAlias = Annotated[str | None, typer.Option(help="Only ops matching this regex.")]
DEADLINE_HELP = "With several ranks: end a run after this long, whatever it does; 1200 by default."
CeilingsOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Measured roofs: what roofprof ceilings -o wrote.")
]
