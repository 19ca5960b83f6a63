"""The interactive page, one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.results.report import RooflineReport

SUFFIXES = (".html",)


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Write the page of one or more analyses."""
    from roofprof.reports.html.report import write_html

    write_html(reports, path)
    return [path]
