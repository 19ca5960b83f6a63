"""Code blocks of the documentation's pages, for tests that follow them."""

import re
from pathlib import Path


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def table_at(text: str) -> list[str]:
    """The lines of the table that a text starts with."""
    lines = text.splitlines()
    return lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))]
