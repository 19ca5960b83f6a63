"""Names from a report are data: made harmless for a terminal, a picture or a spreadsheet."""

import unicodedata

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Control, format (bidi overrides, zero width), surrogate, private use, unassigned, line and paragraph separators.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(name: str, width: int | None = None) -> str:
    """The name without control or format characters, cut in the middle to a width, never empty."""
    text = "".join(_safe(c) for c in name) or "(unnamed)"
    if width is None or len(text) <= width:
        return text
    if width < 8:
        return text[: width - 1] + "…"
    head = (width - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def spreadsheet_cell(text: str) -> str:
    """The text, prefixed so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _safe(character: str) -> str:
    if character.isprintable() and unicodedata.category(character) not in _UNSAFE:
        return character
    return _ESCAPES.get(character) or f"\\x{ord(character):02x}"
