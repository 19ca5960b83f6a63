"""The table of ops and kernels for a terminal: as wide as it is, or all columns with wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

from roofprof.document.cases import sum_of, times_in_case
from roofprof.formatting import escaped, format_number, format_percent, format_si, printable, told_apart
from roofprof.reports.tables.lines import Table, print_lines, print_table, room_beside, wrapped
from roofprof.reports.tables.terminal import kernel_line
from roofprof.results.op import OpResult, case_title, short_labels
from roofprof.results.report import RooflineReport

WIDTH = 100
BELOW_FLOOR = "below-floor"
_BOUNDS = {"memory": "mem", "compute": "comp", "latency": "latency", "communication": "comm"}


class Column(NamedTuple):
    """One column: its heading, what it shows of an op, and of the total."""

    heading: str
    cell: Callable[[OpResult], str]
    total: Callable[[Sequence[OpResult]], str] | None = None


def _microseconds(ns: float | None) -> str:
    return "—" if ns is None else f"{ns / 1e3:.2f}" if ns < 1e5 else f"{ns / 1e3:.0f}"


def _floor_mark(op: OpResult) -> str:
    """`~` before the time of an op that lies near the floor."""
    return "~" if any(f.kind == BELOW_FLOOR for f in op.findings) else ""


def _formula(op: OpResult) -> float | None:
    return op.formula.arithmetic_intensity if op.formula else None


def _bound(op: OpResult) -> str:
    return _BOUNDS.get(op.bound or "", "—")


def _measured_bound(op: OpResult) -> str:
    return _BOUNDS.get(op.measured_on.bound or "", "—")


def _duration_spread(op: OpResult) -> str:
    times = op.spread.duration_ns
    return f"{_microseconds(times.min)}–{_microseconds(times.max)}"


def _headroom(op: OpResult) -> str:
    return _microseconds(op.headroom_ns)


def _total_time(ops: Sequence[OpResult]) -> str:
    return _microseconds(sum_of(op.duration_ns for op in _measured(ops)).value)


def _total_of(column: str, unit: str = "") -> Callable[[Sequence[OpResult]], str]:
    return lambda ops: format_si(sum_of(getattr(op, column) for op in _measured(ops)).value, unit)


def _total_ai(ops: Sequence[OpResult]) -> str:
    rows = _measured(ops)
    work, traffic = sum_of(op.flop_count for op in rows).value, sum_of(op.dram_bytes for op in rows).value
    return format_number(work / traffic) if work is not None and traffic else "—"


def _measured(ops: Sequence[OpResult]) -> Sequence[OpResult]:
    """Those that were profiled: what failed (`profiling-failed`) hides no sum of the others."""
    return [op for op in ops if op.duration_ns is not None] or ops


NARROW = (
    Column(
        "µs",
        lambda o: _floor_mark(o) + _microseconds(o.duration_ns),
        _total_time,
    ),
    Column(
        "DRAM",
        lambda o: format_si(o.dram_bytes, "B"),
        _total_of("dram_bytes", "B"),
    ),
    Column("FLOP", lambda o: format_si(o.flop_count), _total_of("flop_count")),
    Column("AI\nform.", lambda o: format_number(_formula(o))),
    Column("AI\nmeas.", lambda o: format_number(o.arithmetic_intensity), _total_ai),
    Column("work\nratio", lambda o: format_number(o.work_ratio)),
    Column("byte\nratio", lambda o: format_number(o.byte_ratio)),
    Column("bound", _bound),
    Column("attain.\nFLOP/s", lambda o: format_si(o.attainable_flop_per_s)),
    Column("of\nroof", lambda o: format_percent(o.measured_on.roof_fraction)),
)

CALLS = Column("calls", lambda o: str(o.calls))
WITHOUT_FORMULA = (
    CALLS,
    *NARROW[:3],
    Column("AI", NARROW[4].cell, _total_ai),
    Column("FLOP/s", lambda o: format_si(o.measured_on.achieved_flop_per_s)),
    Column("B/s", lambda o: format_si(o.measured_on.achieved_dram_bytes_per_s)),
    *NARROW[7:],
)
"""Where no row has a formula to compare with: what was reached instead."""

WIDE = (
    CALLS,
    Column("kernels", lambda o: str(len(o.kernels))),
    *NARROW[:1],
    Column("µs\nnsys", lambda o: _microseconds(o.nsys_union_ns)),
    Column("µs\nprojected", lambda o: _microseconds(o.nsys_projected_ns)),
    Column("µs in\ngraph", lambda o: _microseconds(o.graph_union_ns)),
    Column("share", lambda o: format_percent(o.share)),
    Column("headroom\nµs", _headroom),
    *NARROW[1:2],
    Column("read", lambda o: format_si(o.dram_read_bytes, "B")),
    Column("written", lambda o: format_si(o.dram_write_bytes, "B")),
    Column("upper", lambda o: format_si(o.dram_upper_bytes, "B")),
    Column("L2", lambda o: format_si(o.l2_bytes, "B")),
    Column("L1 fill", lambda o: format_si(o.l1_fill_bytes, "B")),
    *NARROW[2:5],
    Column("AI\nlower", lambda o: format_number(o.arithmetic_intensity_lower)),
    Column("AI\nL2", lambda o: format_number(o.arithmetic_intensity_l2)),
    Column("AI\nL1 fill", lambda o: format_number(o.arithmetic_intensity_l1_fill)),
    *NARROW[5:8],
    Column("ridge", lambda o: format_number(o.ridge_point)),
    NARROW[8],
    Column("bound\nhere", _measured_bound),
    Column("achieved\nFLOP/s", lambda o: format_si(o.measured_on.achieved_flop_per_s)),
    Column("achieved\nB/s", lambda o: format_si(o.measured_on.achieved_dram_bytes_per_s)),
    NARROW[9],
    Column("of roof\nmeasured", lambda o: format_percent(o.measured_on.roof_fraction_measured)),
    Column("of roof\nat clock", lambda o: format_percent(o.measured_on.roof_fraction_at_clock)),
    Column("SM clock", lambda o: format_si(o.measured_on.sm_clock_hz, "Hz")),
    Column("useful\nFLOP", lambda o: format_si(o.useful.flop_count if o.useful else None)),
    Column("useful\nAI", lambda o: format_number(o.useful.arithmetic_intensity if o.useful else None)),
    Column("useful\nFLOP/s", lambda o: format_si(o.useful.achieved_flop_per_s if o.useful else None)),
    Column("useful\nof roof", lambda o: format_percent(o.useful.roof_fraction if o.useful else None)),
    Column("cache", lambda o: o.cache or "—"),
    Column("spread µs", _duration_spread),
    Column("findings", lambda o: ", ".join(dict.fromkeys(f.kind for f in o.findings))),
)


WITH_NSYS = (
    Column(
        "µs\nnsys",
        lambda o: _microseconds(o.nsys_union_ns),
        lambda ops: _microseconds(sum_of(op.nsys_union_ns for op in ops).value),
    ),
    Column("share", lambda o: format_percent(o.share)),
    *NARROW[1:8],
    NARROW[9],
    Column("headroom\nµs", _headroom, lambda ops: _microseconds(sum_of(op.headroom_ns for op in ops).value)),
)
"""With the application's times beside the counters."""


def print_ops(
    report: RooflineReport, ops: Sequence[OpResult], out: TextIO, wide: bool = False, width: int = WIDTH
) -> None:
    """Print the rows given, a total, and in words what the figures stand on.

    Args:
        report: where they are from.
        ops: the rows to show, in order.
        out: where to.
        wide: all columns, as wide as they need.
        width: columns to fit in, otherwise.
    """
    # Labels of all rows, so that a row is called the same whichever others are shown.
    labels = {id(op): label for op, label in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    wanted = {op.case_key for op in ops}
    cases = [case for case in dict.fromkeys(op.case_key for op in report.ops) if case in wanted]
    within = None if wide else width
    for case in cases:
        rows = [op for op in ops if op.case_key == case]
        if len(cases) > 1:
            print_lines(["", *wrapped(case_title(rows[0]), within)], out)
        print_table(_table(rows, [labels[id(op)] for op in rows], within), out)
    print_lines((part for line in legend(report) for part in wrapped(line, within)), out)


def legend(report: RooflineReport) -> list[str]:
    """What the rows are, and what the columns are against."""
    lines = []
    if words := kernel_line(report):
        lines.append(f"{words}.")
    here = f"of roof: minimum time on {report.gpu.name} / measured time. "
    there = f"bound, attainable: {report.target.name}"
    lines.append(here + there + (", extrapolated." if report.projected else "."))
    if {op.cache for op in report.ops} >= {"cold", "warm"}:
        lines.append("cold: flushed before each kernel, what a formula counts; warm: with what the ops before it left.")
    if any(_floor_mark(op) for op in report.ops):
        lines.append("~: time or bytes within 2x of the empty-kernel floor of this GPU.")
    return [*lines, *report.notes]


def _columns(ops: Sequence[OpResult], wide: bool) -> Sequence[Column]:
    if wide:
        return WIDE
    if any(op.time_source == "nsys" for op in ops):
        return WITH_NSYS
    return NARROW if any(op.formula for op in ops) else WITHOUT_FORMULA


def _table(ops: Sequence[OpResult], names: Sequence[str], width: int | None) -> Table:
    columns = _columns(ops, width is None)
    rows = [[escaped(column.cell(op)) for column in columns] for op in ops]
    headings = [column.heading for column in columns]
    totals = [column.total(ops) if column.total else "" for column in columns]
    room = None if width is None else room_beside([headings, *rows, totals], width)
    what = "op" if any(op.kind == "op" for op in ops) else "kernel"
    shown = [printable(name) for name in names] if room is None else told_apart(names, room)
    named = [[name, *cells] for name, cells in zip(shown, rows, strict=True)]
    return Table([what, *headings], named, [_sum_word(ops), *totals], most=room)


def _sum_word(ops: Sequence[OpResult]) -> str:
    """What the sums are of: a layer's ops, or each row once, whatever its calls."""
    return "each once" if any(times_in_case(op) > 1 for op in ops) else "total"
