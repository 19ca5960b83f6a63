"""The comparison of formula and measurement as tables of 80 to 100 columns, CSV and JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.document.comparison import CONDITIONS, Comparison, DocumentGap, Gap
from roofprof.files import write_output
from roofprof.formatting import csv_line, format_number, printable, spreadsheet_cell
from roofprof.reports.tables.terminal import shown

NARROWEST, WIDEST = 80, 100
LEGEND = (
    "AI gap = work ratio / byte ratio. µs form.: minimum time of the formula's work and bytes on the profiled GPU. "
    "µs meas. = µs form. x the ratio marked * x roof x time, exactly: * is the ratio that binds by formula (bytes "
    "where memory does, work where arithmetic does); roof is 1 unless another roof or pipe binds the counted work; "
    "time is measured over the minimum time of the counted work. gap is the product."
)


def print_comparisons(comparisons: Sequence[Comparison], console: Console, top: int | None = None) -> None:
    """Print each case, worst first."""
    for found in comparisons:
        console.print()
        console.print(shown(f"{found.case.title}, on {found.case.source.gpu.name}"))
        if found.gaps:
            console.print(
                _table(_GAP_COLUMNS, found.gaps[:top], console.width), crop=False, overflow="ignore", no_wrap=True
            )
        if found.without_formula:
            console.print(Text(_left_out(found)))
        if found.document:
            console.print(Text("the reference document's claims:"))
            console.print(
                _table(_DOCUMENT_COLUMNS, found.document[:top], console.width),
                crop=False,
                overflow="ignore",
                no_wrap=True,
            )
    if any(found.gaps for found in comparisons):
        console.print(Text(LEGEND))


def _left_out(found: Comparison) -> str:
    rows = (*found.case.ops, *found.case.step_ops)
    kernels = sum(op.kind == "kernel" for op in rows)
    ops = found.without_formula - kernels
    parts = [f"{ops} {_of('op', ops)} without a formula, for the names carry no shape"] if ops else []
    parts += [f"{kernels} {_of('kernel', kernels)}, for formulas are of ops"] if kernels else []
    return f"left out: {', and '.join(parts)}"


def _of(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def document(comparisons: Sequence[Comparison]) -> dict[str, object]:
    """What --json prints and compare.json holds."""
    return {"schema_version": 1, "cases": [found.as_dict() for found in comparisons]}


def write_csv_files(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """Write one row per op and case and, with the document's claims, NAME-document.csv beside it.

    Raises:
        RoofprofError: a file cannot be written.
    """
    gaps = [(found, found.gaps) for found in comparisons]
    paths = [write_output(path, partial(_write_csv, gaps, Gap))]
    if any(found.document for found in comparisons):
        claims = [(found, found.document) for found in comparisons]
        beside = path.with_stem(f"{path.stem}-document")
        paths.append(write_output(beside, partial(_write_csv, claims, DocumentGap)))
    return paths


def _write_csv(
    cases: Sequence[tuple[Comparison, Sequence[Gap | DocumentGap]]], kind: type[Gap | DocumentGap], path: Path
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        _write_rows(cases, kind, file)


def _write_rows(
    cases: Sequence[tuple[Comparison, Sequence[Gap | DocumentGap]]], kind: type[Gap | DocumentGap], file: TextIO
) -> None:
    columns = [*CONDITIONS, *kind.__dataclass_fields__]
    file.write(csv_line(columns))
    for found, rows in cases:
        for row in rows:
            cells = {**found.conditions, **asdict(row)}
            values = (cells[name] for name in columns)
            file.write(csv_line(spreadsheet_cell(v) if isinstance(v, str) else v for v in values))


def _number(value: float | None) -> str:
    return format_number(value)


def _micro(ns: float | None) -> str:
    return "—" if ns is None else format_number(ns / 1e3)


def _marked(value: float | None, binds: bool) -> str:
    return format_number(value) + ("*" if binds and value is not None else "")


_GAP_COLUMNS: Sequence[tuple[str, Callable[[Gap], str]]] = (
    ("AI\nform.", lambda g: _number(g.formula_intensity)),
    ("AI\nmeas.", lambda g: _number(g.intensity)),
    ("AI\ngap", lambda g: _number(g.intensity_gap)),
    ("work\nratio", lambda g: _marked(g.work_ratio, g.formula_bound == "compute")),
    ("byte\nratio", lambda g: _marked(g.byte_ratio, g.formula_bound == "memory")),
    ("roof", lambda g: _number(g.roof_factor)),
    ("time", lambda g: _number(g.time_factor)),
    ("gap", lambda g: _number(g.time_gap)),
    ("µs\nform.", lambda g: _micro(g.formula_time_ns)),
    ("µs\nmeas.", lambda g: _micro(g.time_ns)),
)

_DOCUMENT_COLUMNS: Sequence[tuple[str, Callable[[DocumentGap], str]]] = (
    ("\nkernel, doc.", lambda s: printable(s.kernel, 22)),
    ("AI\ndoc.", lambda s: _number(s.claimed_intensity)),
    ("its own\nformula", lambda s: _number(s.document_formula_intensity)),
    ("AI\nform.", lambda s: _number(s.formula_intensity)),
    ("AI\nmeas.", lambda s: _number(s.intensity)),
    ("doc./\nmeas.", lambda s: _number(s.claimed_over_measured)),
    ("bound\ndoc.", lambda s: _short(s.claimed_bound)),
    ("bound", lambda s: _short(s.bound)),
    ("bound\nhere", lambda s: _short(s.bound_here)),
)


def _short(bound: str | None) -> str:
    return {"memory": "mem", "compute": "comp"}.get(bound or "", bound or "—")


_Row = TypeVar("_Row", bound=Gap | DocumentGap)


def _table(columns: Sequence[tuple[str, Callable[[_Row], str]]], rows: Sequence[_Row], width: int) -> Table:
    cells = [[cell(row) for _, cell in columns] for row in rows]
    widths = [
        max(len(text) for text in (*heading.split("\n"), *(row[i] for row in cells)))
        for i, (heading, _) in enumerate(columns)
    ]
    room = width - sum(widths) - len(widths)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    table.add_column("op", no_wrap=True, overflow="ellipsis", max_width=room)
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True, overflow="ignore")
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(shown(printable(row.label, room)), *map(shown, texts))
    return table
