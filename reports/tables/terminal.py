"""How text of a report enters a terminal: as it is, without markup and without control characters."""

from rich.text import Text

from roofprof.formatting import escaped


def shown(text: str) -> Text:
    """One line that rich shows and does not read: brackets are no markup, an escape sequence is spelled out."""
    return Text(escaped(text))
