"""Texts of a report are data: made harmless for a terminal, a picture or a spreadsheet.

Each output has one function that all its text goes through: `escaped` for a terminal and for pictures, `csv_line`
for CSV, `reports.markdown.text.prose` and `code` for Markdown, `reports.html.data` for the page.
"""

import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def escaped(text: str) -> str:
    """The text with every control, format or unassigned character as an escape: one line that a terminal just shows."""
    return text if text.isascii() and text.isprintable() else "".join(map(_safe, text))


def printable(name: str, width: int | None = None) -> str:
    """A name, `escaped`, cut in the middle to a width, never empty."""
    text = escaped(name) or "(unnamed)"
    return text if width is None else shortened(text, width)


def shortened(text: str, width: int) -> str:
    """The text cut in the middle to a width: both ends stay, an ellipsis stands for what is left out."""
    if len(text) <= width:
        return text
    if width < 8:
        return text[: width - 1] + "…"
    head = (width - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def told_apart(names: Sequence[str], width: int) -> list[str]:
    """Names of one table, each `printable` and cut to a width: of those that would look alike, what differs is shown.

    Args:
        names: as they are; equal ones stay equal.
        width: characters.
    """
    whole = {name: printable(name) for name in names}
    cut = {name: shortened(text, width) for name, text in whole.items()}
    groups = _alike(cut, list(cut))
    while groups:
        group = groups.pop()
        shared = _shared([whole[name] for name in group])
        again = {name: _from_difference(whole[name], shared, width) for name in group}
        # Of three, two may differ only further on: they are told apart by themselves.
        groups += [rest for rest in _alike(again, group) if len(rest) < len(group)]
        cut |= again
    return [cut[name] for name in names]


def _alike(cut: Mapping[str, str], names: Sequence[str]) -> list[list[str]]:
    """Groups of names that are cut to one text."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(cut[name], []).append(name)
    return [group for group in found.values() if len(group) > 1]


def _shared(texts: Sequence[str]) -> int:
    """Characters that texts have in common at their beginning."""
    differ = (place for place, characters in enumerate(zip(*texts, strict=False)) if len(set(characters)) > 1)
    return next(differ, min(map(len, texts)))


def _from_difference(text: str, shared: int, width: int) -> str:
    """A text cut so that it is seen from where it differs on: from the word's beginning, where that fits too."""
    most = width * 2 // 5  # of the beginning
    start = shared
    while start and text[start - 1].isalnum() and shared - start < (width - most) // 2 - 1:
        start -= 1
    rest = text[start:]
    if len(text) <= width or start <= most:
        return text if len(text) <= width else f"{text[: width - 1]}…"
    if len(rest) < width - most:  # all of it, and of the beginning what fits
        return f"{text[: width - 1 - len(rest)]}…{rest}"
    return f"{text[:most]}…{rest[: width - most - 2]}…"


def print_error(message: str, hint: str | None) -> None:
    """Print to stderr what went wrong and what to do about it, as every program of ours does."""
    print(f"error: {printable(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {printable(hint)}", file=sys.stderr)


def spreadsheet_cell(text: str) -> str:
    """The text, prefixed so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def csv_line(cells: Iterable[object]) -> str:
    """A line of CSV, RFC 4180: cells with a comma, a quote or any line end are quoted; None is an empty cell.

    Python's csv leaves a bare carriage return unquoted, and readers then end the row there.
    """
    return ",".join(_csv_cell(cell) for cell in cells) + "\n"


def _csv_cell(value: object) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def _safe(character: str) -> str:
    # Not printable are control, format (bidi overrides, zero width), surrogate, private use and unassigned characters.
    if character.isprintable():
        return character
    return _ESCAPES.get(character) or f"\\x{ord(character):02x}"


_PREFIXES = (
    (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
    (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"),
)  # fmt: skip


def format_si(value: float | None, unit: str = "", digits: int = 3) -> str:
    """`1.23 TB/s` from 1.23e12 and "B/s"; an em dash for unknown."""
    if value is None:
        return "—"
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    for factor, prefix in _PREFIXES:
        # The comparison is on the rounded figure, so that 999.9996 becomes 1.00 k and not 1000.
        if float(f"{abs(value):.{digits}g}") >= factor:
            return f"{_significant(value / factor, digits)} {prefix}{unit}".rstrip()
    return f"{value:.{digits}g} {unit}".rstrip()


def format_number(value: float | None, digits: int = 3) -> str:
    """Significant digits without an exponent where it fits; an em dash for unknown."""
    if value is None:
        return "—"
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1e6:
        return _significant(value, digits)
    return f"{value:.{digits}g}"


def format_percent(value: float | None) -> str:
    """A fraction as a percentage."""
    return "—" if value is None else f"{100 * value:.2g} %" if abs(value) < 0.1 else f"{100 * value:.0f} %"


def quantity(number: int, what: str, many: str | None = None) -> str:
    """`1 op`, `2 ops`; `many` where an s is not the plural."""
    return f"{number} {what if number == 1 else many or what + 's'}"


def listed(items: Collection[object], most: int) -> str:
    """`a, b, c`: no more of them than `most`, and then `...` for the rest."""
    return ", ".join(map(str, islice(items, most))) + ", ..." * (len(items) > most)


def _significant(value: float, digits: int) -> str:
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"
