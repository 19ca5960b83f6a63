"""What every picture shares: an empty figure, its heading, and saving it as PNG and SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.reports.picture_files import save_figure as save_picture
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
    """Write PNG and SVG.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    return [save_picture(figure, folder / f"{stem}.{suffix}") for suffix in ("png", "svg")]
