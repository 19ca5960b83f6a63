"""What the HTML page holds, as plain data: ops with their kernels, roofs, findings and styles."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict, cast

from roofprof import __version__
from roofprof.findings import Finding
from roofprof.formatting import printable
from roofprof.formulas.models import FORMULAS
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.plots.style import PIPE_STYLES, pipe_label
from roofprof.results.op import OpResult, case_title, short_labels
from roofprof.results.report import RooflineReport

NO_PIPE = "none"
"""The precision of an op without FLOPs, or without FLOP counters."""

_KERNEL_FIELDS = (
    "launch_id", "kernel_name", "kernel_demangled_name", "grid", "block", "duration_ns", "dram_read_bytes",
    "dram_write_bytes", "l2_bytes", "l1_fill_bytes", "flop_count", "mufu_count", "arithmetic_intensity",
    "achieved_occupancy", "theoretical_occupancy", "registers_per_thread", "waves_per_sm",
    "shared_memory_per_block_bytes", "sm_clock_hz", "replay_passes",
)  # fmt: skip


Fields = dict[str, object]
"""Plain data by name, for JSON."""


class PageData(TypedDict):
    """What page.js reads."""

    version: str
    pipes: Mapping[str, Fields]
    no_pipe: str
    sets: list[Fields]
    """One for each report."""
    ops: list[Fields]
    findings: list[Fields]
    """Those that no op has."""


def page_data(reports: Sequence[RooflineReport]) -> PageData:
    """Everything that the page shows, ready for JSON; text is made printable, unknown stays None."""
    data: PageData = {
        "version": __version__,
        "pipes": {pipe: {**asdict(style), "label": pipe_label(pipe)} for pipe, style in PIPE_STYLES.items()},
        "no_pipe": NO_PIPE,
        "sets": [_set(report) for report in reports],
        "ops": [op for index, report in enumerate(reports) for op in _ops(report, index)],
        "findings": [f.as_dict() for report in reports for f in _findings_of_no_row(report)],
    }
    return cast(PageData, _printable(data))


def dominant_pipe(op: OpResult) -> str | None:
    """The pipe with most of an op's FLOPs, or None without any."""
    pipe = max(op.flop_by_pipe, key=lambda p: op.flop_by_pipe[p] or 0, default=None)
    return pipe if pipe and op.flop_by_pipe[pipe] else None


def _findings_of_no_row(report: RooflineReport) -> list[Finding]:
    """Those about the report as a whole, or about an op that has no row; the rest stand with their ops."""

    def key(finding: Finding) -> tuple[object, ...]:
        return finding.kind, finding.op, finding.report, finding.launch_id, finding.message

    carried = {key(finding) for op in report.ops for finding in op.findings}
    return [finding for finding in report.findings if key(finding) not in carried]


def _set(report: RooflineReport) -> Fields:
    return {
        "generated": report.generated,
        "date": report.date,
        "gpu": _device(report.gpu),
        "target": _device(report.target),
        "measured": _measured(report),
        "projected": report.projected,
        "notes": report.notes,
        "reports": [r.get("name") for r in report.reports],
        "unattributed_count": report.unattributed.launch_count,
    }


def _device(spec: DeviceSpec) -> Fields:
    ridges = {pipe: spec.ridge_point(pipe) for pipe in spec.peak_flop_per_s}
    return {**spec.as_dict(), "ridge_points": ridges}


def _measured(report: RooflineReport) -> Fields | None:
    """Roofs that the profiled GPU was seen to reach, in the form of a device; DRAM by its best access mix."""
    found = report.ceilings
    bandwidth = max(found.dram_bytes_per_s.values(), default=None) if found else None
    if not found or not bandwidth:
        return None
    peaks = {pipe: peak.burst for pipe, peak in found.peak_flop_per_s.items()}
    return {
        "name": f"{found.gpu}, measured",
        "dram_bytes_per_s": bandwidth,
        "peak_flop_per_s": peaks,
        "ridge_points": {pipe: peak / bandwidth for pipe, peak in peaks.items()},
    }


def _ops(report: RooflineReport, index: int) -> list[Fields]:
    rows = {
        (row["report"], row["launch_id"]): row for row in report.kernels.select("report", *_KERNEL_FIELDS).to_dicts()
    }
    labels = short_labels(report.ops)
    return [
        {**_op(op), "set": index, "short_label": label, "kernel_rows": _kernel_rows(op, rows)}
        for op, label in zip(report.ops, labels, strict=True)
    ]


def _op(op: OpResult) -> Fields:
    pipe, formula, time_ns = dominant_pipe(op), op.formula, op.time_ns
    useful = formula.flop_count / time_ns * 1e9 if formula and formula.flop_count and time_ns else None
    return {
        **op.as_dict(),
        "label": op.label,
        "case_title": case_title(op),
        "time_ns": time_ns,
        "pipe": pipe,
        "precision": (pipe or NO_PIPE).removeprefix("tensor_"),
        "useful_flop_per_s": useful,
        "formula_words": _formula_words(op),
    }


def _formula_words(op: OpResult) -> str | None:
    """What the formula counts: the sentence that documents it."""
    function = FORMULAS.get(op.formula.name) if op.formula else None
    return inspect.getdoc(function) if function else None


def _kernel_rows(op: OpResult, rows: Mapping[tuple[str, int], Fields]) -> list[Fields]:
    found = [rows.get((op.report, launch)) for launch in op.kernels]
    return [{name: row[name] for name in _KERNEL_FIELDS} for row in found if row is not None]


def _printable(value: object) -> object:
    """Names without control characters and bidirectional overrides; the page never parses their markup."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value
