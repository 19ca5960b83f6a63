"""diff.html: one page without scripts, the roofline with both sides and the table."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.tables.diff import ShownDiff

SUFFIXES = (".html",)
FOLDER_FILES = ("diff.html",)


def write(diffs: Sequence[ShownDiff], path: Path) -> list[Path]:
    """Write the page."""
    from roofprof.reports.html.diff import render_page

    return [write_output(path, lambda partial: partial.write_text(render_page(diffs[0]), encoding="utf-8"))]
