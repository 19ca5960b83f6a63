"""report.json: the whole analysis, which every other output can be made from again."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.files import write_output
from roofprof.reports.outputs.registry import single
from roofprof.results.report import RooflineReport

SUFFIXES = (".json",)
FOLDER_FILES = ("report.json",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write one analysis."""
    text = single(reports, path).to_json() + "\n"
    return [write_output(path, lambda partial: partial.write_text(text, encoding="utf-8"))]
