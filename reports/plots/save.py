"""Every picture of one or more reports, saved to a folder."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from roofprof.document.cases import cases_of
from roofprof.document.scaling import AXES, series_of
from roofprof.reports.plots.figures import save_figure
from roofprof.reports.plots.levels import draw_levels
from roofprof.reports.plots.links import draw_links, has_links
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.plots.scaling import draw_scaling
from roofprof.reports.plots.time_share import draw_time_shares
from roofprof.results.report import RooflineReport


def save_plots(reports: Sequence[RooflineReport], folder: Path, by_phase: bool = False) -> list[Path]:
    """Write roofline-levels, links, time-share and scaling-*.png and .svg; with `by_phase` a roofline per phase too.

    The roofline itself is `outputs.analysis.picture`'s. What a report has no data for is left out: levels
    without L2 counters, links without bytes sent, scaling without several sizes.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    paths: list[Path] = []
    if by_phase:
        paths += save_by_phase(reports, folder)
    for report, number in zip(reports, _numbers(reports), strict=True):
        if any(op.arithmetic_intensity_l2 for op in report.ops):
            paths += save_figure(draw_levels(report), folder, f"roofline-levels{number}")
        if has_links(report):
            paths += save_figure(draw_links(report), folder, f"links{number}")
    if any(op.time_ns for report in reports for op in report.ops):
        paths += save_figure(draw_time_shares(reports), folder, "time-share")
    return paths + save_scaling(reports, folder)


def save_by_phase(reports: Sequence[RooflineReport], folder: Path) -> list[Path]:
    """Write roofline-decode.png, roofline-prefill.png, and .svg: one per phase, numbered where reports are several."""
    paths = []
    for report, number in zip(reports, _numbers(reports), strict=True):
        for phase, part in phase_reports(report).items():
            paths += save_figure(draw_roofline(part), folder, f"roofline-{_safe(phase)}{number}")
    return paths


def save_scaling(reports: Sequence[RooflineReport], folder: Path) -> list[Path]:
    """Write scaling-batch-*.png and scaling-seq-len-*.png, and .svg, for each series of cases."""
    cases = cases_of(reports)
    paths = []
    for axis in AXES:
        for series in series_of(cases, axis):
            stem = f"scaling-{axis.replace('_', '-')}-{_safe(series.stem)}"
            paths += save_figure(draw_scaling(reports, series), folder, stem)
    return paths


def phase_reports(report: RooflineReport) -> dict[str, RooflineReport]:
    """The report cut into one per phase; ops without a phase stand under `other`."""
    phases = dict.fromkeys(op.phase or "other" for op in report.ops)
    return {phase: replace(report, ops=[op for op in report.ops if (op.phase or "other") == phase]) for phase in phases}


def _numbers(reports: Sequence[RooflineReport]) -> list[str]:
    return [f"-{number}" if len(reports) > 1 else "" for number in range(1, len(reports) + 1)]


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
