"""A sweep's tables: Markdown of the cases and of each op's numbers by batch or length, and the CSV of every point."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from roofprof.document.sweep_scaling import (
    VARIABLES,
    CaseTotal,
    ScalingGroup,
    case_total,
    cases_of,
    scaling_groups,
    series,
)
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.formulas.layer import STEP_OPS
from roofprof.reports.files import ops_frame, write_table
from roofprof.reports.markdown.text import prose, seconds, size
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

CSV_COLUMNS = (
    "phase", "batch", "seq_len", "cache", "op", "implementation", "calls", "time_source", "duration_ns",
    "nsys_union_ns", "share", "dram_bytes", "flop_count", "arithmetic_intensity", "formula_flop_count",
    "formula_dram_bytes", "formula_arithmetic_intensity", "work_ratio", "byte_ratio", "measured_on_gpu",
    "measured_on_bound", "achieved_flop_per_s", "achieved_dram_bytes_per_s", "roof_fraction",
    "roof_fraction_at_clock", "target_gpu", "bound", "attainable_flop_per_s", "report",
)  # fmt: skip
"""Columns of scaling.csv, as in ops.csv."""

_CASE_WORDS = (
    "Sums over the ops of the layer, then divided; shares are of their time. "
    f"{', '.join(sorted(STEP_OPS))}, once for all layers, is no part of them."
)
_BOUNDS = ("memory", "compute", "latency")
_HEADINGS = {"batch": "batch", "seq_len": "length"}


def scaling_frame(report: RooflineReport) -> pl.DataFrame:
    """One row an op and point, `CSV_COLUMNS`, in order of phase, length and batch."""
    frame = ops_frame(report).select(CSV_COLUMNS)
    return frame.sort("phase", "seq_len", "batch", "cache", nulls_last=True, maintain_order=True)


def write_scaling(report: RooflineReport, folder: Path) -> list[Path]:
    """Write scaling.csv and scaling.md.

    Raises:
        RoofprofError: the folder cannot be written.
    """
    text = "\n".join(scaling_lines(report)) + "\n"
    return [
        write_table(folder / "scaling.csv", scaling_frame(report)),
        write_table(folder / "scaling.md", text),
    ]


def scaling_lines(report: RooflineReport) -> list[str]:
    """The Markdown: all cases first, then op by op for each group of cases."""
    lines = [f"# Scaling, measured on {prose(report.gpu.name)}, {report.generated[:10]}", ""]
    lines += [f"- {prose(note)}" for note in report.notes] + ["", "## Cases", ""]
    lines += _case_lines(report)
    for variable in VARIABLES:
        for group in scaling_groups(report.ops, variable):
            lines += _group_lines(group)
    return lines


def _case_lines(report: RooflineReport) -> list[str]:
    headings = ["case", "ops", "time", "DRAM", "FLOPs", "AI measured", "AI formula", *(f"{b}-bound" for b in _BOUNDS)]
    rows = [[prose(title), *_total_cells(case_total(ops))] for title, ops in cases_of(report.ops).items()]
    return [*_table(headings, rows), _CASE_WORDS, ""]


def _total_cells(total: CaseTotal) -> list[str]:
    shares = [format_percent(total.time_share_by_bound.get(bound, 0.0)) for bound in _BOUNDS]
    return [
        str(total.op_count),
        seconds(total.time_ns),
        size(total.dram_bytes),
        format_si(total.flop_count, "FLOP"),
        format_number(total.arithmetic_intensity),
        format_number(total.formula_arithmetic_intensity),
        *(shares if total.time_share_by_bound else ["—"] * len(_BOUNDS)),
    ]


def _group_lines(group: ScalingGroup) -> list[str]:
    word = _HEADINGS[group.variable]
    return [
        f"## By {word}: {prose(group.title)}", "",
        "AI from counters, by formula in brackets:", "",
        *_op_table(group, _intensity),
        "Time of a call, and the bound on the GPU that ran:", "",
        *_op_table(group, _time),
        "Achieved FLOP/s and DRAM bytes/s:", "",
        *_op_table(group, _rates),
    ]  # fmt: skip


def _op_table(group: ScalingGroup, show: Callable[[OpResult], str]) -> list[str]:
    rows = []
    for label, points in series(group).items():
        at = dict(points)
        rows.append([prose(label), *(show(at[value]) if value in at else "—" for value in group.cases)])
    return _table([f"op, {_HEADINGS[group.variable]}", *map(str, group.cases)], rows)


def _intensity(op: OpResult) -> str:
    formula = op.formula.arithmetic_intensity if op.formula else None
    return f"{format_number(op.arithmetic_intensity)} ({format_number(formula)})"


def _time(op: OpResult) -> str:
    return f"{seconds(op.time_ns)}, {op.measured_on.bound or 'unknown'}"


def _rates(op: OpResult) -> str:
    here = op.measured_on
    return f"{format_si(here.achieved_flop_per_s)}, {format_si(here.achieved_dram_bytes_per_s)}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---", *["---:"] * (len(headings) - 1)]
    return [*(f"| {' | '.join(cells)} |" for cells in (headings, marks, *rows)), ""]
