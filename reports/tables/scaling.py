"""A sweep's tables: Markdown of the cases and of each op's numbers by batch or length, and the CSV of every point."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from roofprof.document.cases import CaseOps, cases_of, counting_cases, superseded
from roofprof.document.scaling import AXES, LayerPoint, Series, layer_point, series_of
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.formulas.layer import STEP_OPS
from roofprof.reports.files import ops_frame, write_table
from roofprof.reports.markdown.text import known, prose, remeasured_lines, seconds, size
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
    "Sums over the ops of the layer, then divided; shares are of their time. A sum with an unknown part is unknown: "
    f"what is known stands in brackets. {', '.join(sorted(STEP_OPS))} runs once for all layers and is in no sum."
)
_BOUNDS = ("memory", "compute", "latency")
_HEADINGS = {"batch": "batch", "seq_len": "length"}


def scaling_frame(report: RooflineReport) -> pl.DataFrame:
    """One row per op and point, `CSV_COLUMNS`, by phase, length and batch; of a case measured twice the last counts."""
    counting = {id(op) for case in counting_cases(cases_of([report])) for op in (*case.ops, *case.step_ops)}
    kept = replace(report, ops=[op for op in report.ops if id(op) in counting])
    frame = ops_frame(kept).select(CSV_COLUMNS)
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
    """The Markdown: all cases first, then op by op for each series."""
    cases = cases_of([report])
    lines = [f"# Scaling, measured on {prose(report.gpu.name)}, {prose(report.date)}", ""]
    lines += [f"- {prose(note)}" for note in report.notes] + ["", "## Cases", ""]
    lines += [*case_lines(cases), _CASE_WORDS, "", *remeasured_lines(superseded(cases))]
    for axis in AXES:
        for series in series_of(cases, axis):
            lines += _series_lines(series)
    return lines


def case_lines(cases: Sequence[CaseOps]) -> list[str]:
    """The table of all cases: the layer's sums, AI and share of time by bound."""
    headings = ["case", "ops", "time", "DRAM", "FLOPs", "AI measured", "AI formula", *(f"{b}-bound" for b in _BOUNDS)]
    return _table(headings, [[prose(case.title), *_layer_cells(layer_point(case))] for case in cases])


def _layer_cells(layer: LayerPoint) -> list[str]:
    shares = {share.bound: share.share for share in layer.bottlenecks.here}
    return [
        str(len(layer.case.ops)),
        known(layer.time_ns, seconds),
        known(layer.dram_bytes, size),
        known(layer.flop_count, lambda count: format_si(count, "FLOP")),
        known(layer.intensity, format_number),
        known(layer.formula_intensity, format_number),
        *(format_percent(shares.get(bound, 0.0)) if shares else "—" for bound in _BOUNDS),
    ]


def _series_lines(series: Series) -> list[str]:
    return [
        f"## By {_HEADINGS[series.axis]}: {prose(series.title)}", "",
        "AI from counters, by formula in brackets:", "",
        *_op_table(series, _intensity),
        "Time per call, and the bound on the profiled GPU:", "",
        *_op_table(series, _time),
        "Achieved FLOP/s and DRAM bytes/s:", "",
        *_op_table(series, _rates),
    ]  # fmt: skip


def _op_table(series: Series, show: Callable[[OpResult], str]) -> list[str]:
    rows = [[prose(row.name), *(show(op) if op else "—" for op in row.points)] for row in series.rows_by_time]
    return _table([f"op, {_HEADINGS[series.axis]}", *map(str, series.values)], rows)


def _intensity(op: OpResult) -> str:
    formula = op.formula.arithmetic_intensity if op.formula else None
    return f"{format_number(op.arithmetic_intensity)} ({format_number(formula)})"


def _time(op: OpResult) -> str:
    return f"{seconds(op.time_ns)}, {prose(op.measured_on.bound or 'unknown')}"


def _rates(op: OpResult) -> str:
    here = op.measured_on
    return f"{format_si(here.achieved_flop_per_s)}, {format_si(here.achieved_dram_bytes_per_s)}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---", *["---:"] * (len(headings) - 1)]
    return [*(f"| {' | '.join(cells)} |" for cells in (headings, marks, *rows)), ""]
