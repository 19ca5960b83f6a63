"""Places short labels beside points so that none lies on another label, on a marker, or outside the axes."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from roofprof.reports.plots.figures import any_script

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect

_FONT_SIZE = 7.5
_PAD_PIXELS = 1.5
_RINGS = 24
_DIRECTIONS = 16
_CELL_PIXELS = 8
"""About a marker's size: a box that reaches into a cell with many boxes then meets one of the first."""

Box = tuple[float, float, float, float]
Obstacle = tuple[float, float, float]
"""A marker: x and y in data coordinates, diameter in points."""


class _Taken:
    """Boxes by the cells of a grid that they reach into, so that a place is held against its neighbours alone."""

    def __init__(self, cell: float) -> None:
        self._cell = cell
        self._boxes: defaultdict[tuple[int, int], list[Box]] = defaultdict(list)

    def add(self, box: Box) -> None:
        for cell in self._cells(box):
            self._boxes[cell].append(box)

    def overlaps(self, box: Box) -> bool:
        return any(_overlap(box, other) for cell in self._cells(box) for other in self._boxes.get(cell, ()))

    def _cells(self, box: Box) -> Iterator[tuple[int, int]]:
        left, bottom, right, top = (math.floor(edge / self._cell) for edge in box)
        return ((x, y) for x in range(left, right + 1) for y in range(bottom, top + 1))


def place_labels(axes: "Axes", labels: Sequence[tuple[float, float, str, str]], obstacles: Sequence[Obstacle]) -> None:
    """Write (x, y, text, colour) labels near their points, in data coordinates.

    The nearest free place on growing rings is taken; farther ones get a thin line back to their point.
    """
    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    scale = figure.dpi / 100
    frame = axes.get_window_extent(renderer)
    pixels = figure.dpi / 72
    taken = _Taken(_CELL_PIXELS * scale)
    for x, y, size in obstacles:
        taken.add(_box(*_pixels(axes, (x, y)), size * pixels, size * pixels))
    with any_script():
        _place(axes, labels, taken, (frame.x0, frame.y0, frame.x1, frame.y1), scale)


def _place(
    axes: "Axes", labels: Sequence[tuple[float, float, str, str]], taken: _Taken, frame: Box, scale: float
) -> None:
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for x, y, text, color in labels:
        artist = axes.text(
            x, y, text, fontsize=_FONT_SIZE, color=color, ha="center", va="center", zorder=6, parse_math=False,
            path_effects=[_halo(axes)],
        )  # fmt: skip
        extent = artist.get_window_extent(renderer)
        width, height = extent.width + 2 * _PAD_PIXELS, extent.height + 2 * _PAD_PIXELS
        at = _pixels(axes, (x, y))
        center = _free_place(at, width, height, taken, frame, scale)
        taken.add(_box(*center, width, height))
        place = axes.transData.inverted().transform(center)
        artist.set_position((float(place[0]), float(place[1])))
        artist.set_gid("op-label")
        if math.dist(at, center) > 16 * scale:
            axes.plot([x, place[0]], [y, place[1]], color=color, linewidth=0.4, alpha=0.7, zorder=2)


def _halo(axes: "Axes") -> "AbstractPathEffect":
    """The paper's colour round letters, so that roofs behind them do not strike them through."""
    from matplotlib.patheffects import withStroke

    return withStroke(linewidth=2.2, foreground=axes.get_facecolor())


def _free_place(
    at: Sequence[float], width: float, height: float, taken: _Taken, frame: Box, scale: float
) -> tuple[float, float]:
    for ring in range(_RINGS):
        radius = (9 + 5 * ring) * scale
        for step in range(_DIRECTIONS):
            angle = math.pi / 4 + 2 * math.pi * step / _DIRECTIONS
            center = at[0] + radius * math.cos(angle), at[1] + radius * math.sin(angle)
            box = _box(*center, width, height)
            inside = box[0] > frame[0] and box[1] > frame[1] and box[2] < frame[2] and box[3] < frame[3]
            if inside and not taken.overlaps(box):
                return center
    return at[0], at[1] + 9 * scale


def _pixels(axes: "Axes", point: tuple[float, float]) -> tuple[float, float]:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _box(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
