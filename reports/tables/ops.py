"""The table of ops for a terminal: 100 columns, or all columns with wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

import polars as pl

from roofprof.document.cases import sum_of
from roofprof.formatting import escaped, format_number, format_percent, format_si, printable
from roofprof.reports.tables.lines import Table, print_lines, print_table, wrapped
from roofprof.results.op import OpResult, case_title, short_labels
from roofprof.results.report import RooflineReport

WIDTH = 100
BELOW_FLOOR = "below-floor"


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
    return {"memory": "mem", "compute": "comp"}.get(op.bound or "", "—")


def _measured_bound(op: OpResult) -> str:
    bound = op.measured_on.bound or ""
    return {"memory": "mem", "compute": "comp", "latency": "latency"}.get(bound, "—")


def _duration_spread(op: OpResult) -> str:
    times = op.spread.duration_ns
    return f"{_microseconds(times.min)}–{_microseconds(times.max)}"


def _headroom(op: OpResult) -> str:
    return _microseconds(op.headroom_ns)


def _total_time(ops: Sequence[OpResult]) -> str:
    return _microseconds(sum_of(op.duration_ns for op in ops).value)


def _total_ai(ops: Sequence[OpResult]) -> str:
    work, traffic = sum_of(op.flop_count for op in ops).value, sum_of(op.dram_bytes for op in ops).value
    return format_number(work / traffic) if work is not None and traffic else "—"


NARROW = (
    Column(
        "µs",
        lambda o: _floor_mark(o) + _microseconds(o.duration_ns),
        _total_time,
    ),
    Column(
        "DRAM",
        lambda o: format_si(o.dram_bytes, "B"),
        lambda ops: format_si(sum_of(op.dram_bytes for op in ops).value, "B"),
    ),
    Column("FLOP", lambda o: format_si(o.flop_count), lambda ops: format_si(sum_of(op.flop_count for op in ops).value)),
    Column("AI\nform.", lambda o: format_number(_formula(o))),
    Column("AI\nmeas.", lambda o: format_number(o.arithmetic_intensity), _total_ai),
    Column("work\nratio", lambda o: format_number(o.work_ratio)),
    Column("byte\nratio", lambda o: format_number(o.byte_ratio)),
    Column("bound", _bound),
    Column("attain.\nFLOP/s", lambda o: format_si(o.attainable_flop_per_s)),
    Column("of\nroof", lambda o: format_percent(o.measured_on.roof_fraction)),
)

WIDE = (
    Column("calls", lambda o: str(o.calls)),
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


def print_ops(report: RooflineReport, ops: Sequence[OpResult], out: TextIO, wide: bool = False) -> None:
    """Print the ops given, a total, and in words what the figures stand on.

    Args:
        report: where they are from.
        ops: the rows to show, in order.
        out: where to.
        wide: all columns, as wide as they need.
    """
    # Labels of all rows, so that a row is called the same whichever others are shown.
    labels = {id(op): label for op, label in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    wanted = {op.case_key for op in ops}
    cases = [case for case in dict.fromkeys(op.case_key for op in report.ops) if case in wanted]
    width = None if wide else WIDTH
    for case in cases:
        rows = [op for op in ops if op.case_key == case]
        if len(cases) > 1:
            print_lines(["", *wrapped(case_title(rows[0]), width)], out)
        print_table(_table(rows, [labels[id(op)] for op in rows], wide), out)
    print_lines((part for line in legend(report) for part in wrapped(line, width)), out)


def legend(report: RooflineReport) -> list[str]:
    """What the columns are against."""
    here = f"of roof: minimum time on {report.gpu.name} / measured time. "
    there = f"bound, attainable: {report.target.name}"
    lines = [here + there + (", extrapolated." if report.projected else ".")]
    if {op.cache for op in report.ops} >= {"cold", "warm"}:
        lines.append("cold: flushed before each kernel, what a formula counts; warm: with what the ops before it left.")
    if any(_floor_mark(op) for op in report.ops):
        lines.append("~: time or bytes within 2x of the empty-kernel floor of this GPU.")
    return [*lines, *report.notes]


def _table(ops: Sequence[OpResult], names: Sequence[str], wide: bool) -> Table:
    timed = any(op.time_source == "nsys" for op in ops)
    columns = WIDE if wide else WITH_NSYS if timed else NARROW
    rows = [[escaped(column.cell(op)) for column in columns] for op in ops]
    room = None if wide else WIDTH - _width_beside(columns, rows, ops)
    headings = ["op", *(column.heading for column in columns)]
    totals = ["total", *(column.total(ops) if column.total else "" for column in columns)]
    named = [[printable(name, room), *cells] for name, cells in zip(names, rows, strict=True)]
    return Table(headings, named, totals, most=room)


def _width_beside(columns: Sequence[Column], rows: list[list[str]], ops: Sequence[OpResult]) -> int:
    """Characters that the other columns take, separators included."""
    total = 0
    for i, column in enumerate(columns):
        texts = [
            *column.heading.split("\n"),
            *(row[i] for row in rows),
            column.total(ops) if column.total else "",
        ]
        total += max(len(text) for text in texts) + 1
    return total


def print_unattributed(report: RooflineReport, out: TextIO, rows: int = 10) -> None:
    """Print the launches that lie in no range of the chosen domain, summed by kernel name, longest first."""
    outside = report.kernels.filter(pl.col("nvtx_path").is_null())
    if not outside.height:
        return
    time = _microseconds(report.unattributed.duration_ns)
    print_lines(["", f"{outside.height} launches in no range, {time} µs:"], out)
    lines: list[list[str]] = []
    sums = ("duration_ns", "dram_bytes", "flop_count")
    known = [pl.when(pl.col(c).null_count() == 0).then(pl.col(c).sum()).alias(c) for c in sums]
    groups = outside.group_by("kernel_name", maintain_order=True).agg(pl.len().alias("launches"), *known)
    ordered = groups.sort("duration_ns", descending=True, nulls_last=True)
    for row in ordered.head(rows).iter_rows(named=True):
        work, traffic = row["flop_count"], row["dram_bytes"]
        intensity = work / traffic if work is not None and traffic else None
        lines.append([
            printable(row["kernel_name"], 50), str(row["launches"]), _microseconds(row["duration_ns"]),
            format_si(traffic, "B"), format_si(work), format_number(intensity),
        ])  # fmt: skip
    print_table(Table(("kernel", "launches", "µs", "DRAM", "FLOP", "AI"), lines, right=True), out)
    if groups.height > rows:
        print_lines([f"and {groups.height - rows} more kernels: kernels.csv (-o) and --json have them all"], out)
