"""Tables and sentences as lines of a terminal: columns as wide as what they hold. Without rich, whose import and
layout took a quarter of the time of analyzing a small report.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple, TextIO

from roofprof.formatting import escaped, format_number

_LEAST_ROOM = 12
"""Characters for a name, however narrow the terminal is."""


class Table(NamedTuple):
    """Texts without control characters, one per column."""

    headings: Sequence[str]
    """Of one or more lines; they end on one line."""
    rows: Sequence[Sequence[str]]
    totals: Sequence[str] = ()
    """A last row, set apart; none where it is empty."""
    most: int | None = None
    """The width of the first column at most; longer texts are cut."""
    right: bool = False
    """Whether all columns but the first stand to the right."""


def print_table(table: Table, out: TextIO) -> None:
    """Print a table, headings and totals bold where a terminal shows that."""
    bold = _shows_bold(out)
    lines = table_lines(table)
    strong = {*range(_height(table)), len(lines) - 1 if table.totals else -1}
    print_lines((f"\x1b[1m{line}\x1b[0m" if bold and i in strong else line for i, line in enumerate(lines)), out)


def print_lines(lines: Iterable[str], out: TextIO) -> None:
    """Print lines, at once: whether somebody reads them shows here and not when the program ends."""
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()


def microseconds(ns: float | None) -> str:
    """Three significant digits, whole from 100 µs on; an em dash for unknown."""
    if ns is None:
        return "—"
    return f"{ns / 1e3:,.0f}" if ns >= 99_950 else format_number(ns / 1e3)


def width_of(text: str) -> int:
    """Characters that a text takes in a terminal: two of East Asian scripts, none of combining marks."""
    return len(text) if text.isascii() else sum(map(_width, text))


def table_lines(table: Table) -> list[str]:
    """The lines of a table: headings, a rule, rows and totals."""
    heads = [heading.split("\n")[::-1] for heading in table.headings]
    above = list(zip_longest(*heads, fillvalue=""))[::-1]
    below = [table.totals] if table.totals else []
    widths = [max(map(width_of, column)) for column in zip(*above, *table.rows, *below, strict=True)]
    if table.most is not None:
        widths[0] = min(widths[0], table.most)
    rule = "─" * (sum(widths) + len(widths) - 1)
    top, rows, last = ([_line(cells, widths, table.right) for cells in part] for part in (above, table.rows, below))
    return [*top, rule, *rows, *([""] if last else []), *last]


def room_beside(rows: Sequence[Sequence[str]], width: int) -> int:
    """Characters that a table's other columns leave to its first, of so many in a line.

    Args:
        rows: headings, rows and totals of the other columns; headings may be of several lines.
        width: columns of the terminal.
    """
    columns = zip(*rows, strict=True)
    beside = sum(1 + max(width_of(line) for text in column for line in text.split("\n")) for column in columns)
    return max(_LEAST_ROOM, width - beside)


def aligned(
    rows: Sequence[Sequence[str]], right: Sequence[bool], limits: Mapping[int, int] | None = None, gap: int = 1
) -> list[str]:
    """Rows as lines, each column as wide as its longest text or its limit; without a rule under the headings.

    Args:
        rows: headings first; texts without control characters.
        right: which columns stand to the right.
        limits: the most that a column may take, by place; longer texts are cut.
        gap: spaces between columns.
    """
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    for place, most in (limits or {}).items():
        if place < len(widths):
            widths[place] = min(widths[place], most)
    return [(" " * gap).join(map(_filled, row, widths, right)).rstrip() for row in rows]


def shortened(text: str, width: int) -> str:
    """A line cut to a width."""
    return text if width_of(text) <= width else _cut(text, width - 1) + "…"


def strong(text: str, out: TextIO) -> str:
    """Bold where a terminal shows that."""
    return f"\x1b[1m{text}\x1b[0m" if _shows_bold(out) else text


def _shows_bold(out: TextIO) -> bool:
    return out.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def wrapped(text: str, width: int | None) -> Iterator[str]:
    """A text of a report as lines of at most so many characters, broken between words where there are any."""
    line = ""
    for word in escaped(text).split(" "):
        longer = f"{line} {word}" if line else word
        if width is None or width_of(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        while width_of(word) > width:
            start = _cut(word, width)
            yield start
            word = word[len(start) :]
        line = word
    yield line


def _height(table: Table) -> int:
    return max(heading.count("\n") + 1 for heading in table.headings)


def _line(cells: Sequence[str], widths: Sequence[int], right: bool) -> str:
    sides = (False, *[right] * (len(cells) - 1))
    return " ".join(map(_filled, cells, widths, sides)).rstrip()


def _filled(text: str, width: int, right: bool) -> str:
    if width_of(text) > width:
        text = _cut(text, width - 1) + "…"
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def _cut(text: str, width: int) -> str:
    """As much of a text as fits, one character at least."""
    while len(text) > 1 and width_of(text) > width:
        text = text[:-1]
    return text


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
