"""What the HTML page holds, as plain data: the answers, ops and kernels by column, roofs, findings and styles."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from itertools import chain
from typing import TypedDict, cast

from roofprof import __version__
from roofprof.advice.answer import Answer, answers_of
from roofprof.findings import Finding
from roofprof.formatting import printable
from roofprof.formulas.models import FORMULAS
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.html.answers import ANSWER_COLUMNS, Fields, answer_rows, case_fields, named_apart, place_columns
from roofprof.reports.html.columns import Columns, columns_of, packed
from roofprof.reports.plots.style import PIPE_STYLES, pipe_label
from roofprof.reports.tables.answer import ROWS, legend
from roofprof.results.columns import flat_columns
from roofprof.results.op import OpResult, short_labels
from roofprof.results.report import RooflineReport

NO_PIPE = "none"
"""The precision of an op without FLOPs, or without FLOP counters."""

_KERNEL_FIELDS = (
    "launch_id", "kernel_name", "kernel_demangled_name", "grid", "block", "duration_ns", "dram_read_bytes",
    "dram_write_bytes", "l2_bytes", "l1_fill_bytes", "flop_count", "mufu_count", "arithmetic_intensity",
    "achieved_occupancy", "theoretical_occupancy", "registers_per_thread", "waves_per_sm",
    "shared_memory_per_block_bytes", "sm_clock_hz", "replay_passes",
)  # fmt: skip
_FINDING_FIELDS = ("kind", "severity", "row", "op", "message", "hint")


class PageData(TypedDict):
    """What the scripts read."""

    version: str
    pipes: Mapping[str, Fields]
    no_pipe: str
    formulas: Mapping[str, str]
    """What each formula counts, by its name."""
    sets: list[Fields]
    """One for each report."""
    cases: list[Fields]
    """The answers, case by case."""
    ops: Columns
    """Every column of the op row by its name in all_kernels.csv, and what the page adds."""
    kernels: Columns
    """Of the ops' median calls, in the order of the ops: `kernel_count` of each belong to it."""
    points: Mapping[str, Columns]
    """`here`, on the profiled GPU, and `there`, on the target."""
    findings: Columns
    """`row` is the op's number from 0 on; None for those that no op has."""


def page_data(reports: Sequence[RooflineReport]) -> PageData:
    """Everything that the page shows, ready for JSON; text is made printable, unknown stays None."""
    ops = [op for report in reports for op in report.ops]
    places = {id(op): number for number, op in enumerate(ops)}
    answers = [answers_of(report, top=ROWS) for report in reports]
    labels = {
        id(op): label
        for report in reports
        for op, label in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)
    }
    kernels = [_kernel_rows(report) for report in reports]
    every = list(chain.from_iterable(answers))
    data: PageData = {
        "version": __version__,
        "pipes": {pipe: {**asdict(style), "label": pipe_label(pipe)} for pipe, style in PIPE_STYLES.items()},
        "no_pipe": NO_PIPE,
        "formulas": {name: words for name in _formulas(ops) if (words := inspect.getdoc(FORMULAS[name]))},
        "sets": [_set(report, found) for report, found in zip(reports, answers, strict=True)],
        "cases": named_apart([case_fields(answer, places) for answer in every]),
        "ops": _op_columns(reports, ops, every, labels, [len(own) for rows in kernels for own in rows]),
        "kernels": columns_of([row for rows in kernels for own in rows for row in own], _KERNEL_FIELDS),
        "points": place_columns(every, labels, places),
        "findings": columns_of([row for report in reports for row in _findings(report, places)], _FINDING_FIELDS),
    }
    return cast(PageData, _printable(data))


def dominant_pipe(op: OpResult) -> str | None:
    """The pipe with most of an op's FLOPs, or None without any."""
    pipe = max(op.flop_by_pipe, key=lambda p: op.flop_by_pipe[p] or 0, default=None)
    return pipe if pipe and op.flop_by_pipe[pipe] else None


def _formulas(ops: Sequence[OpResult]) -> list[str]:
    return sorted({op.formula.name for op in ops if op.formula and op.formula.name in FORMULAS})


def _op_columns(
    reports: Sequence[RooflineReport],
    ops: Sequence[OpResult],
    answers: Sequence[Answer],
    labels: Mapping[int, str],
    kernel_counts: Sequence[int],
) -> Columns:
    declared = {c.name: packed(map(c.value, ops)) for c in flat_columns(OpResult) if c.name != "findings"}
    found = answer_rows(answers)
    added = columns_of([found[id(op)] for op in ops], ANSWER_COLUMNS)
    return {
        # A row may be a kernel in no range.
        "kind": packed(getattr(op, "kind", "op") for op in ops),
        **declared,
        "label": packed(op.label for op in ops),
        "short_label": packed(labels[id(op)] for op in ops),
        "set": packed(number for number, report in enumerate(reports) for _ in report.ops),
        "time_ns": packed(op.time_ns for op in ops),
        "of_roof": packed(op.of_roof for op in ops),
        "pipe": packed(dominant_pipe(op) for op in ops),
        "kernel_count": list(kernel_counts),
        **added,
    }


def _kernel_rows(report: RooflineReport) -> list[list[Fields]]:
    """The kernels of each op's median call."""
    columns = report.kernels.select("report", *_KERNEL_FIELDS)
    rows = {(row["report"], row["launch_id"]): row for row in columns.to_dicts()}
    return [[row for launch in op.kernels if (row := rows.get((op.report, launch)))] for op in report.ops]


def _findings(report: RooflineReport, places: Mapping[int, int]) -> list[Fields]:
    """Each once: with its op, else those about the report as a whole, or about an op that has no row."""

    def key(finding: Finding) -> tuple[object, ...]:
        return finding.kind, finding.op, finding.report, finding.launch_id, finding.message

    carried = {key(finding) for op in report.ops for finding in op.findings}
    own = [_finding(finding, places[id(op)]) for op in report.ops for finding in op.findings]
    return own + [_finding(finding, None) for finding in report.findings if key(finding) not in carried]


def _finding(finding: Finding, row: int | None) -> Fields:
    return {
        "kind": finding.kind,
        "severity": str(finding.severity),
        "row": row,
        "op": finding.op,
        "message": finding.message,
        "hint": finding.hint,
    }


def _set(report: RooflineReport, answers: Sequence[Answer]) -> Fields:
    return {
        "generated": report.generated,
        "date": report.date,
        "gpu": _device(report.gpu),
        "others": [_device(spec) for spec in _further_gpus(answers)],
        "target": _device(report.target),
        "measured": _measured(report),
        "projected": report.projected,
        "notes": report.notes,
        "legend": legend(report, answers, each_call=False),
        "reports": [r.get("name") for r in report.reports],
        "unattributed_count": report.unattributed.launch_count,
    }


def _further_gpus(answers: Sequence[Answer]) -> list[DeviceSpec]:
    """Profiled GPUs beside the report's first one, as far as they are known."""
    cases = [answer.case for answer in answers]
    return list(
        {case.gpu: case.gpu_spec for case in cases if case.gpu_spec and case.gpu != case.source.gpu.name}.values()
    )


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


def _printable(value: object) -> object:
    """Names without control characters and bidirectional overrides; the page never parses their markup."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):  # what a row lists, such as its ranks
        return _printable(asdict(value))
    return value
