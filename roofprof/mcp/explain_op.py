"""The tool explain_op: every figure of an op with its unit and how it was had, the formula beside it, its findings."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from roofprof.advice.reasons import reasons_of
from roofprof.document.cases import cases_of
from roofprof.errors import UsageError
from roofprof.formatting import format_number, format_si, printable
from roofprof.formulas.worked import shape_words, worked_formula
from roofprof.mcp.answers import Beside, Explained, Explanation, Formula, Launch, Source, Told, Value
from roofprof.mcp.reading import Read
from roofprof.results.columns import FlatColumn, flat_columns
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

MAX_ROWS = 8
"""Cases, and implementations, of one answer."""
MAX_LAUNCHES = 20
_ELSEWHERE = frozenset(
    {"op", "kind", "layers", "implementation", "nvtx_path", "report", "phase", "batch", "seq_len", "cache", "calls",
     "kernels", "formula", "how", "findings", "ranks", "rank_calls", "source"}
)  # fmt: skip
"""Fields of a row that the answer has by another name, or leaves to report.json."""
_ON_TARGET = frozenset({"bound", "ridge_point", "attainable_flop_per_s"})
_HOW = {
    "rate": "a rate per second times the duration",
    "per_cycle": "a rate per cycle times the cycles",
    "opcodes": "the histogram of executed opcodes times what each does",
    "percent_of_peak": "percent of the peak times the peak",
}
_BESIDE = (
    ("FLOPs", "FLOP", "flop_count", "work_ratio"),
    ("DRAM bytes", "B", "dram_bytes", "byte_ratio"),
    ("arithmetic intensity", "FLOP/B", "arithmetic_intensity", None),
)


def explain_op(read: Read, name: str) -> tuple[str, Explanation]:
    """An op of each case, as text and as data.

    Args:
        read: an analysis, of the cases that were asked for.
        name: of the op, with its implementation or without.

    Raises:
        UsageError: there is none; with the names that are most alike.
    """
    report = read.report.data
    titles = {id(op): case.title for case in cases_of([report]) for op in (*case.ops, *case.step_ops)}
    found = [op for op in report.ops if name in (op.op, op.label)]
    if not found:
        raise UsageError(f"{read.report.name} has no op {name!r}", _alike(name, report))
    shown = found[:MAX_ROWS]
    reasons = reasons_of(report, shown)
    rows = [
        _explained(report, op, titles[id(op)], (reason.why, reason.attempt))
        for op, reason in zip(shown, reasons, strict=True)
    ]
    answer = Explanation(
        path=read.report.name,
        gpu=report.gpu.name,
        target=report.target.name,
        rows=rows,
        rows_left_out=len(found) - len(shown),
    )
    return "\n\n".join(_text(row) for row in rows), answer


def _alike(name: str, report: RooflineReport) -> str:
    names = list(dict.fromkeys(op.op for op in report.ops))
    near = difflib.get_close_matches(name, names, n=10, cutoff=0.4) or names[:10]
    more = f" and {len(names) - len(near)} more: top_ops names them" if len(names) > len(near) else ""
    return f"there are {', '.join(near)}{more}" if names else "it has no op"


def _explained(report: RooflineReport, op: OpResult, title: str, reason: tuple[str, str | None]) -> Explained:
    launches = _launches(report, op)
    columns = [column for column in flat_columns(OpResult) if column.path[0] not in _ELSEWHERE]
    values = [made for column in columns if (made := _value(op, column)) is not None]
    return Explained(
        op=op.op,
        implementation=op.implementation,
        kind="kernel" if op.kind == "kernel" else "op",
        case=title,
        report=op.report,
        calls=op.calls,
        nvtx_path=list(op.nvtx_path),
        why=reason[0],
        attempt=reason[1],
        values=values,
        unknown=[_name(column) for column in columns if column.unit != "text" and column.value(op) is None],
        formula=_formula(op),
        findings=[Told(kind=f.kind, severity=str(f.severity), message=f.message, hint=f.hint) for f in op.findings],
        kernels=launches[:MAX_LAUNCHES],
        kernels_left_out=max(0, len(launches) - MAX_LAUNCHES),
    )


def _name(column: FlatColumn) -> str:
    return column.ops_name or column.name


def _value(op: OpResult, column: FlatColumn) -> Value | None:
    """A figure of a row; None where it is unknown."""
    value = column.value(op)
    if not isinstance(value, float | int | str):
        return None
    unit = None if column.unit == "text" else column.unit
    how = op.how.get(column.name)
    return Value(
        name=_name(column),
        value=value,
        unit=unit,
        source=_source(op, column),
        how=how and _HOW.get(how, how),
        meaning=column.description,
    )


def _source(op: OpResult, column: FlatColumn) -> Source:
    if column.path[0] in _ON_TARGET:
        return "extrapolated" if op.roof_source == "projected" else "datasheet"
    if column.path[0] == "useful" or column.name == "link_bytes_formula":
        return "formula"
    roofs = ("ridge_point", "attainable_flop_per_s")
    return "datasheet" if column.path[0] == "measured_on" and column.path[-1] in roofs else "measured"


def _formula(op: OpResult) -> Formula | None:
    formula = op.formula
    if formula is None:
        return None
    worked = worked_formula(formula.name, formula.shape)
    beside = []
    for what, unit, field, ratio in _BESIDE:
        measured, asked = getattr(op, field), getattr(formula, field)
        found = getattr(op, ratio) if ratio else measured / asked if measured is not None and asked else None
        beside.append(Beside(what=what, unit=unit, measured=measured, formula=asked, ratio=found))
    return Formula(
        name=formula.name,
        words=shape_words(formula.name, formula.shape),
        flop_expression=worked.flop_expression if worked else None,
        byte_expressions=[f"{name}: {terms}" for name, terms in worked.byte_terms] if worked else [],
        beside=beside,
    )


def _launches(report: RooflineReport, op: OpResult) -> list[Launch]:
    """The kernels of the median call, in order."""
    frame = report.kernels.filter(pl.col("report") == op.report, pl.col("launch_id").is_in(op.kernels))
    columns = (pl.col("kernel_name").alias("kernel"), "grid", "block", "duration_ns")
    return [Launch(**row) for row in frame.sort("launch_id").select(columns).iter_rows(named=True)]


def _text(row: Explained) -> str:
    """For people: what a client without structured answers shows."""
    return "\n".join(printable(line) for line in _lines(row))


def _lines(row: Explained) -> Iterator[str]:
    made = f" ({row.implementation})" if row.implementation else ""
    calls = "1 call" if row.calls == 1 else f"{row.calls} calls, the median one"
    yield f"{row.op}{made}, {row.case}: {calls}"
    yield f"why: {row.why}" + (f"; try: {row.attempt}" if row.attempt else "")
    for value in row.values:
        had = ", ".join(word for word in (value.source if value.source != "measured" else "", value.how) if word)
        yield f"  {value.name} = {_shown(value)}{f' [{had}]' if had else ''}"
    if row.unknown:
        yield f"  unknown: {', '.join(row.unknown)}"
    yield from _formula_lines(row.formula)
    for finding in row.findings:
        yield f"{finding.severity} [{finding.kind}] {finding.message}" + (f"; {finding.hint}" if finding.hint else "")
    yield from _kernel_lines(row.kernels, row.kernels_left_out)


def _formula_lines(formula: Formula | None) -> Iterator[str]:
    if formula is None:
        yield "formula: none, its name carries no shape"
        return
    yield f"formula {formula.name}: {formula.words}"
    for beside in formula.beside:
        measured, asked = (
            "unknown" if value is None else format_si(value, beside.unit) for value in (beside.measured, beside.formula)
        )
        ratio = f", {format_number(beside.ratio)}x" if beside.ratio is not None else ""
        yield f"  {beside.what}: {measured} measured, {asked} by formula{ratio}"


def _kernel_lines(kernels: Sequence[Launch], left_out: int) -> Iterator[str]:
    for launch in kernels:
        time = format_si(launch.duration_ns / 1e9, "s") if launch.duration_ns is not None else "time unknown"
        size = f"grid {_three(launch.grid)}, block {_three(launch.block)}"
        yield f"kernel {printable(launch.kernel, 100)}: {size}, {time}"
    if left_out:
        yield f"and {left_out} more kernels"


def _three(sizes: Sequence[int] | None) -> str:
    return " x ".join(map(str, sizes)) if sizes else "unknown"


_SI: Mapping[str, tuple[str, float]] = {"ns": ("s", 1e-9)}


def _shown(value: Value) -> str:
    if isinstance(value.value, str):
        return value.value
    if value.unit in (None, "count", "ratio"):  # a rank is a number of no digits behind the point
        return str(value.value) if isinstance(value.value, int) else format_number(value.value)
    unit, factor = _SI.get(value.unit or "", (value.unit or "", 1.0))
    return format_si(value.value * factor, unit)
