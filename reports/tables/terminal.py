"""How text of a report enters a terminal: as it is, without markup and without control characters."""

import shutil

from rich.text import Text

from roofprof.formatting import escaped


def shown(text: str) -> Text:
    """One line that rich shows and does not read: brackets are no markup, an escape sequence is spelled out."""
    return Text(escaped(text))


NARROWEST, USUAL, WIDEST = 80, 100, 160


def terminal_width() -> int:
    """Columns that a table may take: the terminal's, or `USUAL` where there is none."""
    return min(max(shutil.get_terminal_size((USUAL, 24)).columns, NARROWEST), WIDEST)
