"""The self-check for a terminal: each counter on each kernel, what was expected, what was measured."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from roofprof.formatting import format_percent, printable
from roofprof.reports.tables.terminal import shown
from roofprof.selfcheck.result import Row, Selfcheck

_STATE = {"passed": "ok", "failed": "WRONG", "missing": "missing"}


def print_selfcheck(result: Selfcheck, console: Console) -> None:
    """Print the table, the floor, what was skipped and the outcome."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    for i, heading in enumerate(("kernel", "counter", "expected", "measured", "repeats", "µs", "spread", "")):
        table.add_column(heading, justify="right" if 1 < i < 7 else "left", no_wrap=True)
    for row in result.rows:
        table.add_row(*map(shown, _cells(row)))
    console.print(table)
    for line in _lines(result):
        console.print(shown(line), soft_wrap=True)


def _cells(row: Row) -> tuple[str, ...]:
    counter = row.counter.removesuffix("_flop_per_s") if row.counter.startswith("peak_") else row.counter
    measured = "—" if row.measured_min is None else _range(row.measured_min, row.measured_max)
    time = "—" if row.duration_ns is None else f"{row.duration_ns / 1e3:.2f}"
    return (
        printable(row.kernel, 40), counter, _expected(row), measured, str(row.repeats), time,
        format_percent(row.duration_spread), _STATE[row.state] + (f": {row.why}" if row.why else ""),
    )  # fmt: skip


def _expected(row: Row) -> str:
    if row.relation == "exact":
        return _figure(row.low)
    return f"≥ {_figure(row.low)}" if row.high is None else _range(row.low, row.high)


def _range(low: float, high: float | None) -> str:
    return _figure(low) if high is None or high == low else f"{_figure(low)} – {_figure(high)}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or value >= 1e5 else f"{value:,.1f}"


def _lines(result: Selfcheck) -> list[str]:
    lines = [
        f"{result.gpu}, driver {result.driver or '?'}, ncu {result.ncu or '?'}, {result.created or ''}".rstrip(", ")
    ]
    if floor := result.floor:
        lines.append(
            f"floor: an empty kernel takes {floor.duration_ns_min / 1e3:.2f} to {floor.duration_ns_max / 1e3:.2f} µs "
            f"and moves {floor.dram_bytes_min:,.0f} to {floor.dram_bytes_max:,.0f} bytes ({floor.repeats} times)"
        )
    lines += [f"not run: {name}: {why}" for name, why in result.skipped.items()]
    lines += [result.untested] if result.untested else []
    metrics = {row.counter: ", ".join(row.metrics) for row in result.rows}
    for what, counters in (("wrong", result.failed_counters), ("missing", result.missing_counters)):
        lines += [f"{what}: {counter}" + (f" ({metrics[counter]})" if metrics[counter] else "") for counter in counters]
    return [*lines, "verified: all exact or within their limits" if result.passed else "FAILED"]
