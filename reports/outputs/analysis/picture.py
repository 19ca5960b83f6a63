"""The roofline as a picture, in each format of `plots.figures.FORMATS`."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.reports.outputs.registry import single
from roofprof.reports.plots.figures import SUFFIXES as PICTURE_SUFFIXES
from roofprof.results.report import RooflineReport

SUFFIXES = PICTURE_SUFFIXES
FOLDER_FILES = ("roofline.png", "roofline.svg")


def write(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Draw one analysis."""
    from roofprof.reports.plots.figures import save_picture
    from roofprof.reports.plots.roofline import draw_roofline

    return [save_picture(draw_roofline(single(reports, path)), path)]


def write_by_phase(reports: Sequence[RooflineReport], path: Path) -> list[Path]:
    """Draw each phase of one analysis: NAME-decode.png and so on."""
    from roofprof.reports.plots.save import phase_reports

    paths = []
    for phase, part in phase_reports(single(reports, path)).items():
        # Phases of foreign ops files are data: no path is made of them.
        name = phase if phase in ("decode", "prefill") else "other"
        paths += write([part], path.with_name(f"{path.stem}-{name}{path.suffix}"))
    return paths
