"""Pictures to files: PNG and SVG, each whole or not at all, equal for equal figures."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.errors import RoofprofError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure in the format of its suffix.

    Raises:
        UsageError: a suffix that is no picture's.
        RoofprofError: the file cannot be written.
    """
    import matplotlib

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"no picture is written as {path.name!r}", f"use one of {', '.join(SUFFIXES)}")
    kind = path.suffix.lower()[1:]
    partial = path.with_name(path.name + ".partial")
    # Text stays text in the SVG; a fixed salt makes equal reports give equal files.
    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "roofprof"})
    dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with settings, warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes in the PNG; it stands whole in the SVG.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(partial, format=kind, metadata=dateless)
            return partial.replace(path)
        except OSError as error:
            raise RoofprofError(f"cannot write {path}: {error.strerror or error}", "choose another file") from None
