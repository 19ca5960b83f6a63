"""diff.md: for a comment on a pull request, the verdicts first."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.tables.diff import ShownDiff

SUFFIXES = (".md",)
FOLDER_FILES = ("diff.md",)


def write(diffs: Sequence[ShownDiff], path: Path) -> list[Path]:
    """Write the document."""
    from roofprof.reports.markdown.diff import render_diff

    return [write_output(path, lambda partial: partial.write_text(render_diff(diffs[0]), encoding="utf-8"))]
