"""compare.json: what `compare --json` prints."""

import json
from collections.abc import Sequence
from pathlib import Path

from roofprof.document.comparison import Comparison
from roofprof.files import write_output

SUFFIXES = (".json",)
FOLDER_FILES = ("compare.json",)


def write(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """Write every case."""
    from roofprof.reports.tables.compare import document

    text = json.dumps(document(comparisons), ensure_ascii=False) + "\n"
    return [write_output(path, lambda partial: partial.write_text(text, encoding="utf-8"))]
