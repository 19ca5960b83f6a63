"""What every picture shares: an empty figure, its heading, and saving it as PNG and SVG."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.errors import UsageError
from roofprof.files import write_output
from roofprof.formatting import escaped
from roofprof.reports.plots.style import Theme
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Mapping[str, Mapping[str, None] | None] = {
    ".png": None,
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""Suffix to the metadata that is left out, so that equal figures give equal files; any format of matplotlib's."""
SUFFIXES = tuple(FORMATS)


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure in inches, bound to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120)
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def any_script() -> Iterator[None]:
    """Text in a script that the font does not cover is drawn as boxes in the PNG; it stands whole in the SVG."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def heading(figure: "Figure", title: str, reports: Sequence[RooflineReport], note: str | None = None) -> None:
    """Title, with the profiled GPUs and the dates; a note in small print below the picture."""
    theme = Theme.chosen()
    profiled = (name for report in reports for name in (report.gpu.name, *(op.measured_on.gpu for op in report.ops)))
    gpus = ", ".join(dict.fromkeys(profiled))
    dates = ", ".join(dict.fromkeys(report.date for report in reports))
    figure.suptitle(escaped(f"{title}, measured on {gpus}, {dates}"), x=0.01, ha="left", fontsize=11, parse_math=False)
    if note:
        figure.text(0.01, 0.008, escaped(note), fontsize=7, color=theme.faint, va="bottom", parse_math=False)


def save_figure(figure: "Figure", folder: Path, stem: str) -> list[Path]:
    """Write PNG and SVG.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    hint = "choose another folder with -o"
    return [save_picture(figure, folder / f"{stem}.{suffix}", hint) for suffix in ("png", "svg")]


def save_picture(figure: "Figure", path: Path, hint: str = "choose another file") -> Path:
    """Write a figure in the format of its suffix, whole or not at all; equal figures give equal files.

    All its text and element ids are `escaped`: XML has no form for most control characters.

    Raises:
        UsageError: not a picture's suffix.
        RoofprofError: the file cannot be written; with `hint`.
    """
    import matplotlib

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"unknown picture format: {path.name!r}", f"use one of {', '.join(SUFFIXES)}")
    kind = path.suffix.lower()[1:]
    # Text stays text in the SVG; a fixed salt makes equal reports give equal files.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "roofprof"})
    _escape_texts(figure)
    dateless = FORMATS[f".{kind}"]
    with settings, any_script():
        return write_output(path, lambda partial: figure.savefig(partial, format=kind, metadata=dateless), hint)


def svg_text(figure: "Figure") -> str:
    """A figure as SVG text, for a page; equal figures give equal text."""
    import io

    import matplotlib

    _escape_texts(figure)
    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "roofprof"}), any_script():
        figure.savefig(out, format="svg", metadata=FORMATS[".svg"])
    return out.getvalue()


def _escape_texts(figure: "Figure") -> None:
    from matplotlib.text import Text

    for artist in figure.findobj(Text):
        assert isinstance(artist, Text)
        text = artist.get_text()
        if (safe := "\n".join(map(escaped, text.split("\n")))) != text:
            artist.set_text(safe)
    for named in figure.findobj(lambda found: bool(found.get_gid())):
        named.set_gid(escaped(named.get_gid() or ""))
