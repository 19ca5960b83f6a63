"""What every picture shares: an empty figure, its heading, and saving it as PNG and SVG."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.errors import RoofprofError
from roofprof.results import RooflineReport
from roofprof.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """Write PNG and SVG, each whole or not at all; equal figures give equal files.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    import matplotlib

    paths = []
    # Text stays text in the SVG; a fixed salt makes equal reports give equal files.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "roofprof"})
    with settings, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes in the PNG; it stands whole in the SVG.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        for suffix in ("png", "svg"):
            path = folder / f"{stem}.{suffix}"
            partial = path.with_name(path.name + ".partial")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                figure.savefig(partial, format=suffix, metadata={"Date": None} if suffix == "svg" else None)
                paths.append(partial.replace(path))
            except OSError as error:
                raise RoofprofError(f"cannot write {path}: {error.strerror}", "choose another folder with -o") from None
    return paths
