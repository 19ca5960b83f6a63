"""Typer parameters that several commands take with the same help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

class RowsBy(StrEnum):
    """Values of --by."""

    OP = "op"
    KERNEL = "kernel"
    LAUNCH = "launch"


class LayerRows(StrEnum):
    """Values of --layers."""

    FOLDED = "folded"
    EACH = "each"


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
CeilingsOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Measured roofs: what roofprof ceilings -o wrote.")
]
ByOption: TypeAlias = Annotated[
    RowsBy | None,
    typer.Option(help="Rows: ops, and kernels where no range is (op, the default); kernels alone; every launch."),
]
LayersOption: TypeAlias = Annotated[
    LayerRows | None,
    typer.Option(help="Ops whose names differ in the model's layer alone: one row (folded, the default), or each."),
]
