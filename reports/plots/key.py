"""The key beside a roofline: what the numbers at its markers stand for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from roofprof.formatting import printable
from roofprof.results.op import OpResult, kernel_words, short_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEY_ROWS = 30
KEY_MOST = 150
"""Rows with a number and a place in the key; of more, those that take longest."""
_NAME_WIDTH = 34
_NOT_DRAWN = "#999999"


def numbered(ops: Sequence[OpResult]) -> list[int]:
    """Numbers of the rows that have a place in the key, in order."""
    longest = sorted(range(len(ops)), key=lambda i: -(ops[i].time_ns or 0))[:KEY_MOST]
    return [index + 1 for index in sorted(longest)]


def draw_key(
    figure: "Figure", ops: Sequence[OpResult], named: Sequence[int], colors: Mapping[int, str],
    place: tuple[float, int],
) -> None:  # fmt: skip
    """Write the key; rows without FLOPs stand in grey, for they have no place on log axes.

    Args:
        ops: every row, the first of them number 1.
        named: the numbers to explain.
        colors: of the numbers that are drawn.
        place: left edge, as a fraction of the figure's width, and the number of columns.
    """
    left, columns = place
    per_column = -(-len(named) // columns) if columns else 1
    step = min(0.0265, 0.82 / max(per_column, 1))
    size = min(8.0, step * figure.get_figheight() * 72 / 1.3)
    labels = short_labels(ops)
    for index, number in enumerate(named):
        column, row = divmod(index, per_column)
        x, y = left + column * (1 - left) / columns, 0.935 - row * step
        color = colors.get(number, _NOT_DRAWN)
        figure.text(x + 0.016, y, str(number), fontsize=size, va="top", ha="right", color=color, fontweight="bold")
        name, shade = printable(labels[number - 1], _NAME_WIDTH), "#222222" if number in colors else _NOT_DRAWN
        figure.text(x + 0.02, y, name, fontsize=size, va="top", color=shade, parse_math=False)
    for index, line in enumerate(_notes(ops, named, len(colors))):
        figure.text(left, 0.045 - 0.0145 * index, line, fontsize=7, color="#777777", va="bottom", parse_math=False)


def _notes(ops: Sequence[OpResult], named: Sequence[int], drawn: int) -> list[str]:
    words = ["grey: no FLOPs or no counters, not drawn"] if drawn < len(ops) else []
    words += [said] if (said := kernel_words(ops)) else []
    return words + ([f"the {len(named)} longest of {len(ops)} rows have a number"] if len(named) < len(ops) else [])
