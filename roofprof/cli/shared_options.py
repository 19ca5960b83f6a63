"""Typer parameters that several commands take with the same help."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict, cast

import typer

if TYPE_CHECKING:
    from roofprof.launches.rows import By
    from roofprof.names.reading import Layers


class RowsBy(StrEnum):
    """Values of --by."""

    OP = "op"
    KERNEL = "kernel"
    LAUNCH = "launch"


class LayerRows(StrEnum):
    """Values of --layers."""

    FOLDED = "folded"
    EACH = "each"


class RowChoice(TypedDict):
    """--by and --layers, as an `AnalyzeRequest` takes them."""

    by: "By | None"
    layers: "Layers | None"


def row_choice(by: RowsBy | None, layers: LayerRows | None) -> RowChoice:
    """Plain values; None where the option was not given."""
    return {"by": cast("By | None", by and by.value), "layers": cast("Layers | None", layers and layers.value)}


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
ByOption: TypeAlias = Annotated[
    RowsBy | None,
    typer.Option(help="Rows: ops, and kernels where no range is (op, the default); kernels alone; every launch."),
]
LayersOption: TypeAlias = Annotated[
    LayerRows | None,
    typer.Option(help="Ops whose names differ in the model's layer alone: one row (folded, the default), or each."),
]
