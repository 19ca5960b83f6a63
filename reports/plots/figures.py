"""What every picture shares: an empty figure, its heading, and saving it as PNG and SVG."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import write_whole
from roofprof.formatting import printable
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure in inches, bound to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120)
    FigureCanvasAgg(figure)
    return figure


def heading(figure: "Figure", title: str, reports: Sequence[RooflineReport], note: str | None = None) -> None:
    """Title, with the GPUs that ran and the dates; a note in small print below the picture."""
    gpus = ", ".join(dict.fromkeys(report.gpu.name for report in reports))
    dates = ", ".join(dict.fromkeys(report.generated[:10] for report in reports))
    figure.suptitle(
        f"{printable(title)}, measured on {printable(gpus)}, {dates}", x=0.01, ha="left", fontsize=11, parse_math=False
    )
    if note:
        figure.text(0.01, 0.008, printable(note), fontsize=7, color="#555555", va="bottom", parse_math=False)


def save_figure(figure: "Figure", folder: Path, stem: str) -> list[Path]:
    """Write PNG and SVG.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    hint = "choose another folder with -o"
    return [save_picture(figure, folder / f"{stem}.{suffix}", hint) for suffix in ("png", "svg")]


def save_picture(figure: "Figure", path: Path, hint: str = "choose another file") -> Path:
    """Write a figure in the format of its suffix, whole or not at all; equal figures give equal files.

    Raises:
        UsageError: a suffix that is no picture's.
        RoofprofError: the file cannot be written; with `hint`.
    """
    import matplotlib

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"no picture is written as {path.name!r}", f"use one of {', '.join(SUFFIXES)}")
    kind = path.suffix.lower()[1:]
    # Text stays text in the SVG; a fixed salt makes equal reports give equal files.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "roofprof"})
    dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with settings, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes in the PNG; it stands whole in the SVG.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        try:
            return write_whole(path, lambda partial: figure.savefig(partial, format=kind, metadata=dateless))
        except OSError as error:
            raise RoofprofError(f"cannot write {path}: {error.strerror or error}", hint) from None
