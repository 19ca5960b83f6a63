"""Colours and markers of the pipes, the same in every picture and in the HTML page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypedDict, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class PipeStyle:
    """How a pipe's roofs and points look."""

    color: str
    marker: str
    """matplotlib's code."""
    dark_color: str
    """On a dark page."""
    symbol: str
    """plotly's name of the marker."""

    @property
    def pair(self) -> tuple[str, str]:
        """Colour and marker on paper."""
        return self.color, self.marker


class LineStyle(TypedDict, total=False):
    """What `Axes.plot` takes besides the points."""

    linestyle: str
    linewidth: float
    alpha: float
    zorder: int
    markersize: float
    markerfacecolor: str
    markeredgecolor: str
    markeredgewidth: float
    solid_capstyle: str


# Okabe and Ito's colour-blind safe palette; the marker tells the pipe a second time, for print.
PIPE_STYLES = {
    "tensor_fp4": PipeStyle("#D55E00", "^", "#FF8A3D", "triangle-up"),
    "tensor_fp6": PipeStyle("#D55E00", "v", "#FF8A3D", "triangle-down"),
    "tensor_fp8": PipeStyle("#0072B2", "o", "#4C9BE8", "circle"),
    "tensor_fp16": PipeStyle("#56B4E9", "s", "#9AD4F5", "square"),
    "tensor_bf16": PipeStyle("#009E73", "s", "#2FC79A", "square"),
    "tensor_tf32": PipeStyle("#8A6D00", "D", "#C9A227", "diamond"),
    "tensor_fp64": PipeStyle("#999999", "D", "#B0B0B0", "diamond"),
    "tensor_int8": PipeStyle("#000000", "h", "#FFFFFF", "hexagon"),
    "fp64": PipeStyle("#999999", "P", "#B0B0B0", "cross"),
    "fp32": PipeStyle("#CC79A7", "P", "#E59BC6", "cross"),
    "fp16": PipeStyle("#E69F00", "X", "#F5B841", "x"),
}


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a picture."""

    paper: str
    ink: str
    faint: str
    """Of what matters less: grey marks, small print."""
    grid: str
    dark: bool = False

    def pipe(self, name: str) -> str:
        """A pipe's colour on this paper."""
        style = PIPE_STYLES[name]
        return style.dark_color if self.dark else style.color

    def line(self, color: str) -> str:
        """A colour of SERIES on this paper: black is that of the ink."""
        return self.ink if color == "#000000" else color

    @classmethod
    def chosen(cls) -> "Theme":
        """The theme of the pictures that are being written; light where none was chosen."""
        return _chosen.get()


LIGHT = Theme("#ffffff", "#222222", "#7a7a7a", "#e2e2e2")
DARK = Theme("#16181c", "#e6e6e6", "#9a9da3", "#33363c", dark=True)
_chosen: ContextVar[Theme] = ContextVar("theme", default=LIGHT)


@contextmanager
def drawn_in(theme: Theme) -> Iterator[None]:
    """Write pictures in a theme: formats are found by suffix and take no options of their own."""
    token = _chosen.set(theme)
    try:
        yield
    finally:
        _chosen.reset(token)


def themed(draw: Callable[P, R]) -> Callable[P, R]:
    """A function that draws, with what it leaves to matplotlib's defaults in the chosen theme."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        theme = Theme.chosen()
        with matplotlib.rc_context():
            for names, color in (
                (("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), theme.ink),
                (("figure.facecolor", "axes.facecolor", "legend.facecolor"), theme.paper),
                (("legend.edgecolor", "grid.color"), theme.grid),
            ):
                matplotlib.rcParams.update(dict.fromkeys(names, color))  # type: ignore[arg-type]  # any name
            return draw(*args, **kwargs)

    return drawn


BOUND_STYLES = {
    "memory": ("#0072B2", ""),
    "compute": ("#D55E00", "///"),
    "latency": ("#E69F00", "..."),
    "communication": ("#CC79A7", "xx"),
    "unknown": ("#BBBBBB", "xx"),
}
"""Colour and hatch of each bound; the hatch tells it a second time, for print."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D00", "#000000")
"""Colours for lines that stand for ops."""


def pipe_label(pipe: str) -> str:
    """A pipe's name in a legend."""
    return pipe.removeprefix("tensor_").upper() + ("" if pipe.startswith("tensor_") else " (CUDA cores)")
