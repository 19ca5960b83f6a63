"""Typer parameters that several commands take with the same help."""

from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict, cast

import typer

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

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


class Theme(StrEnum):
    """Values of --theme."""

    LIGHT = "light"
    DARK = "dark"


class RowChoice(TypedDict):
    """--by and --layers, as an `AnalyzeRequest` takes them."""

    by: "By | None"
    layers: "Layers | None"


def row_choice(by: RowsBy | None, layers: LayerRows | None) -> RowChoice:
    """Plain values; None where the option was not given."""
    return {"by": cast("By | None", by and by.value), "layers": cast("Layers | None", layers and layers.value)}


@contextmanager
def in_theme(theme: Theme) -> "Iterator[None]":
    """Write pictures in the colours of --theme."""
    from roofprof.reports.plots.style import DARK, LIGHT, drawn_in

    with drawn_in(DARK if theme is Theme.DARK else LIGHT):
        yield


def keys_help(keys: "Iterable[str]", default: str) -> str:
    """Help of --sort: the orders of the rows, the usual one named."""
    words = ", ".join(f"{key} (the default)" if key == default else key for key in keys)
    return f"Order of the rows of each case: {words}."


def check_sort(sort: str, keys: "Collection[str]") -> None:
    """Refuse an order that there is not.

    Raises:
        UsageError: naming those that there are.
    """
    if sort not in keys:
        raise UsageError(f"unknown sort key {sort!r}", f"use one of {', '.join(keys)}")


AnalysesArgument: TypeAlias = Annotated[
    list[Path],
    typer.Argument(help="Saved analyses (report.json, its folder, all_kernels.csv), captures or .ncu-rep files."),
]
GpuOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE|same",
        help="Target GPU for the roofline: a name, a TOML file, or 'same' for the profiled one; gb200 by default, "
        "and a saved analysis' own.",
    ),
]
OpsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="Ops file for foreign range names: a TOML file or a bundled name."),
]
DomainOption: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="NVTX domain whose ranges are ops.")]
OnlyOption: TypeAlias = Annotated[str | None, typer.Option(metavar="REGEX", help="Only ops matching this regex.")]
TopOption: TypeAlias = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Rows of each case; 0, and the default: all.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ExplainOption: TypeAlias = Annotated[bool, typer.Option("--explain", help="Every kind of finding, explanations too.")]
ThemeOption: TypeAlias = Annotated[Theme, typer.Option(metavar="[light|dark]", help="Colours of pictures.")]
DEADLINE_HELP = "With several ranks: end a run after this long, whatever it does; 1200 by default."
CeilingsOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Measured roofs: what roofprof ceilings -o wrote.")
]
ByOption: TypeAlias = Annotated[
    RowsBy | None,
    typer.Option(
        metavar="[op|kernel|launch]",
        help="Rows: ops, and kernels where no range is (op, the default); kernels alone; every launch.",
    ),
]
LayersOption: TypeAlias = Annotated[
    LayerRows | None,
    typer.Option(
        metavar="[folded|each]",
        help="Ops whose names differ in the model's layer alone: one row (folded, the default), or each.",
    ),
]
