"""Names and numbers for Markdown: names from a report are data and must not become markup."""

import re
from collections.abc import Callable, Sequence

from roofprof.document.cases import CaseOps, Sum
from roofprof.findings import KINDS
from roofprof.formatting import format_number, format_percent, format_si, printable

NAME_WIDTH = 80
FINDINGS = "#appendix-findings"
"""What readers of Markdown make of that heading: an anchor of its own for each kind would be HTML."""
# What may stand in a code span of a table as it is: no backtick, pipe, angle bracket, ampersand or backslash.
_PLAIN = re.compile(r"[\w .,:;+*/(){}\[\]=×→…#◦-]+")
# Every character that Markdown, GitHub's tables or HTML could take for markup.
_MARKUP = re.compile(r"[&<>|`*\[\]\\#~$!@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^\s*[-+=]|://|(?<=www)\.")

_NUMBER = re.compile(r"\d[\d.,]*(?: ?[A-Za-zµ%/]+)?(?: \(\d[\d.]* %\))?|—")


def code(name: str, width: int = NAME_WIDTH) -> str:
    """A name as a code span, or as text of entities where a code span could be broken out of."""
    text = printable(name, width)
    plain = _PLAIN.fullmatch(text) is not None and text.strip() == text and "](" not in text
    return f"`{text}`" if plain else prose(text)


def prose(text: str) -> str:
    """Text of which no character is markup: the dangerous ones become entities."""
    return _MARKUP.sub(lambda m: "".join(c if c.isspace() else f"&#{ord(c)};" for c in m[0]), printable(text))


def word(text: str | None) -> str:
    """Text that may be unknown: `prose`, or a dash."""
    return prose(text) if text else "—"


def finding_link(kind: str, words: str) -> str:
    """Words, and behind them the appendix that tells what they mean; a kind of another version is not in it."""
    return f"[{prose(words)}]({FINDINGS})" if kind in KINDS else prose(words)


def bullets(lines: Sequence[str]) -> list[str]:
    """A list with a blank line behind it; no line for none."""
    return [*(f"- {line}" for line in lines), ""] if lines else []


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table with a blank line behind it; columns of numbers stand to the right.

    Args:
        headings: of the columns.
        rows: cells, already safe.
    """
    columns = [[row[i] for row in rows] for i in range(len(headings))]
    marks = ["---:" if i and all(map(_is_figure, column)) else "---" for i, column in enumerate(columns)]
    return [_row(headings), _row(marks), *(_row(row) for row in rows), ""]


def _is_figure(cell: str) -> bool:
    """Whether a cell is a number with its unit, or two of them: `1.70 GHz to 1.99 GHz`."""
    return all(_NUMBER.fullmatch(part) for part in cell.replace("**", "").split(" to "))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def seconds(ns: float | None) -> str:
    """A time in ns with the prefix that suits it."""
    return format_si(None if ns is None else ns / 1e9, "s")


def rate(flop_per_s: float | None) -> str:
    """FLOP/s."""
    return format_si(flop_per_s, "FLOP/s")


def size(value: float | None) -> str:
    """Bytes."""
    return format_si(value, "B")


def whole(value: float) -> str:
    """A count to the last digit, thousands apart."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.10g}"


def times(value: float | None) -> str:
    """A ratio."""
    return "—" if value is None else f"{format_number(value)}x"


def known(figure: Sum, show: Callable[[float | None], str]) -> str:
    """A sum, or a dash with what is known of it: `— (3.73 ms over 32 of 33 ops)`."""
    if figure.value is not None or figure.known is None:
        return show(figure.value)
    return f"— ({show(figure.known)} over {figure.known_count} of {figure.count} ops)"


def remeasured_lines(superseded: Sequence[tuple[CaseOps, CaseOps]]) -> list[str]:
    """Which of the cases that were measured more than once counts below; no line where there is none."""
    if not superseded:
        return []
    lines = ["Measured more than once; below, the last one given counts:", ""]
    lines += [f"- {prose(case.title)}: replaced by {prose(last.title)}" for case, last in superseded]
    return [*lines, ""]


percent = format_percent
number = format_number


def joined(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
