"""The timeline in the terminal: for each device what it did, and its ops and kernels by time."""

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.formatting import format_number, format_percent, format_si, printable, quantity, told_apart
from roofprof.reports.tables.terminal import shown
from roofprof.timeline.devices import device_title
from roofprof.timeline.op_names import distinct_labels, read_key
from roofprof.timeline.rows import CopyRow, DeviceRow, OpRow, RangePath
from roofprof.timeline.shown.document import RankedTimeline
from roofprof.timeline.shown.kernel_ops import Ranking
from roofprof.timeline.shown.ranking import row_label

_NARROWEST, _USUAL, _WIDEST = 80, 100, 160
_WIDE = 112
"""Columns from which on all figures have room."""
_GAP = 2
"""Spaces between columns: the box's own and one of padding."""
_OUTSIDE = "* "
"""Before the name of a kernel outside all ranges."""


def table_width() -> int:
    """Columns to print in: the terminal's, within reason."""
    return min(max(shutil.get_terminal_size((_USUAL, 24)).columns, _NARROWEST), _WIDEST)


class Column(NamedTuple):
    """One figure of a row."""

    heading: str
    cell: Callable[[OpRow], str]
    wide: bool = False
    """Left out of narrow tables."""


def _microseconds(nanoseconds: float | None) -> str:
    return format_number(None if nanoseconds is None else nanoseconds / 1000)


def _time(nanoseconds: float | None) -> str:
    return format_si(None if nanoseconds is None else nanoseconds * 1e-9, "s")


_COLUMNS = (
    Column("calls", lambda row: str(row["calls"])),
    Column("total", lambda row: _time(row["total_busy_ns"])),
    Column("share", lambda row: format_percent(row["share"])),
    Column("call µs", lambda row: _microseconds(row["busy_ns"])),
    Column("span µs", lambda row: _microseconds(row["nsys_projected_ns"]), wide=True),
    Column("gap µs", lambda row: _microseconds(row["gap_ns"])),
    Column("before µs", lambda row: _microseconds(row["gap_before_ns"]), wide=True),
)


def print_timeline(line: RankedTimeline, console: Console) -> None:
    """Print a trace: each device's figures and its rows, then what the columns are.

    Args:
        line: the trace's timeline.
        console: where to, and how wide.
    """
    console.print(shown(printable(f"{line.name}, NVTX domain {line.timeline.domain or 'none'}")))
    for device, ranking in zip(line.timeline.devices, line.rankings, strict=True):
        console.print()
        for text in device_lines(device):
            _print(text, console)
        if ranking.rows:
            console.print()
            console.print(timeline_table(ranking.rows, console.width), crop=False, overflow="ignore", no_wrap=True)
        for text in _left_out(ranking):
            console.print(shown(text))
    console.print()
    for text in _legend(list(line.rows)):
        _print(text, console)


def _print(text: str, console: Console) -> None:
    """Print a paragraph, its further lines indented."""
    bound = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text)
    for line in textwrap.wrap(bound, console.width, subsequent_indent="    ", break_long_words=False):
        console.print(shown(line.replace("\N{NO-BREAK SPACE}", " ")), soft_wrap=True)


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=[a-zA-Zµ%])")


def device_lines(device: DeviceRow) -> Iterator[str]:
    """What a device did, in words."""
    busy = device["busy_ns"] / device["span_ns"] if device["span_ns"] else None
    title = device_title(device)
    yield f"{title}: busy {_time(device['busy_ns'])} of {_time(device['span_ns'])} ({format_percent(busy)})"
    if device["gap_count"]:
        yield (
            f"  idle {_time(device['idle_ns'])} in {quantity(device['gap_count'], 'gap')}, the longest "
            f"{_time(device['longest_gap_ns'])}; {_time(device['launch_bound_ns'])} of it waiting for launches"
        )
    if device["communication_ns"]:
        yield (
            f"  compute {_time(device['compute_ns'])}, communication {_time(device['communication_ns'])}: "
            f"compute alone {_time(device['compute_only_ns'])}, "
            f"communication alone {_time(device['communication_only_ns'])}, both {_time(device['overlap_ns'])}"
        )
    else:
        yield f"  compute {_time(device['compute_ns'])}, no communication"
    if device["copies"]:
        yield f"  copies {_time(device['memory_ns'])}: " + ", ".join(map(_copy, device["copies"]))
    if device["whole_graph_ns"]:
        yield f"  graphs traced as a whole, whose kernels are unknown: {_time(device['whole_graph_ns'])}"
    yield f"  in ranges: {format_percent(device['coverage'])} of the busy time ({_time(device['in_ranges_ns'])})"


def _copy(row: CopyRow) -> str:
    what = row["direction"] or row["kind"]
    return f"{what} {row['count']} x, {format_si(row['bytes'], 'B')}, {_time(row['duration_ns'])}"


def _left_out(ranking: Ranking) -> Iterator[str]:
    if len(ranking.rows) < ranking.row_count:
        yield f"{quantity(ranking.row_count - len(ranking.rows), 'more row')} not shown"


def _legend(rows: Sequence[OpRow]) -> Iterator[str]:
    if rows:
        yield (
            "total: time in which any call ran; share: that over the GPU's busy time (what runs side by side counts "
            "in each row); call, gap: median over the calls"
        )
    if any(row["kind"] == "kernel" for row in rows):
        yield "kernels: of an op, by time; of a kernel (grid, block); +n: so many more"
    if any(_outside(row) for row in rows):
        yield f"{_OUTSIDE}a kernel outside all ranges of the domain"


def timeline_table(rows: Sequence[OpRow], width: int) -> Table:
    """One line per row, in so many columns of text; names are shortened in the middle."""
    columns = [column for column in _COLUMNS if width >= _WIDE or not column.wide]
    cells = [[column.cell(row) for column in columns] for row in rows]
    labels = distinct_labels([read_key(row["nvtx_path"]).key for row in rows if row["kind"] == "op"])
    names, kernels = [printable(_name(row, labels)) for row in rows], [printable(_kernels(row)) for row in rows]
    figures = sum(
        max(len(column.heading), *(len(line[i]) for line in cells)) + _GAP for i, column in enumerate(columns)
    )
    room = width - figures - _GAP
    kernels_longest = max(len("kernels"), *map(len, kernels))
    name_width = min(max(map(len, names)), room - min(kernels_longest, room * 2 // 5 if width >= _WIDE else room // 3))
    kernel_width = min(kernels_longest, room - name_width)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False)
    table.add_column("op", no_wrap=True, width=max(name_width, len("op")))
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    table.add_column("kernels", no_wrap=True, width=kernel_width)
    for name, figures_of, kernel in zip(
        told_apart(names, name_width), cells, told_apart(kernels, kernel_width), strict=True
    ):
        table.add_row(Text(name), *map(Text, figures_of), Text(kernel))
    return table


def _outside(row: OpRow) -> bool:
    return not row["calls_in_ranges"]


_QUALIFIER = re.compile(
    r"(\w+|<unnamed>|\(anonymous namespace\)|<unnamed \w+>)::|\((?:unsigned )?(?:int|long|bool)\)(?=\d)"
)
"""Namespaces and casts in a kernel's name, for which a table has no room."""


def _name(row: OpRow, labels: Mapping[RangePath, str]) -> str:
    """The row's name: an op's path as far as it takes to tell it from others, or the name that an ops file gives."""
    mark = " (graph)" if row["launch"] == "graph" else ""
    if row["kind"] == "kernel":
        return (_OUTSIDE if _outside(row) else "") + _QUALIFIER.sub("", row["op"]) + mark
    key, op = read_key(row["nvtx_path"])
    return (labels[key] if row["op"] == op else row_label(row)) + mark


def _kernels(row: OpRow) -> str:
    """The kernels of an op by name, longest first; the shapes of a kernel."""
    if row["kind"] == "kernel":
        names = [f"({_size(kernel['grid'])}, {_size(kernel['block'])})" for kernel in row["kernels"]]
    else:
        names = list(dict.fromkeys(kernel["kernel_name"] or "?" for kernel in row["kernels"]))
        names += list(dict.fromkeys(operation["kind"] for operation in row["memory_operations"]))
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return (names[0] if names else "—") + more


def _size(size: Sequence[int | None]) -> str:
    """`132x2` of (132, 2, 1): ones at the end say nothing."""
    texts = ["?" if number is None else str(number) for number in size]
    while len(texts) > 1 and texts[-1] == "1":
        texts.pop()
    return "x".join(texts)
