"""diff.json: what `diff --json` prints."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.tables.diff import ShownDiff

SUFFIXES = (".json",)
FOLDER_FILES = ("diff.json",)


def write(diffs: Sequence[ShownDiff], path: Path) -> list[Path]:
    """Write every op."""
    from roofprof.reports.tables.diff import json_text

    return [write_output(path, lambda partial: partial.write_text(json_text(diffs[0]), encoding="utf-8"))]
