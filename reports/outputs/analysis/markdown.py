"""The roofline document, Markdown."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.results.report import RooflineReport

SUFFIXES = (".md",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the document of one or more analyses."""
    from roofprof.reports.markdown.report import write_markdown

    return [write_markdown(reports, path)]
