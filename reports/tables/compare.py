"""The comparison of formula and measurement as tables of 100 columns, CSV and JSON."""

import csv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.document.comparison import Comparison, Gap, SeedGap
from roofprof.files import write_output
from roofprof.formatting import format_number, printable, spreadsheet_cell

WIDTH = 100
LEGEND = (
    "AI gap = work ratio / byte ratio. µs form.: least time of the formula's work and bytes on the GPU that ran. "
    "µs meas. = µs form. x the ratio marked * x roof x time, exactly: * is the ratio that binds by formula (bytes "
    "where memory does, work where arithmetic does); roof is 1 unless another roof or pipe binds the counted work; "
    "time is measured over the least time of the counted work. gap is the product."
)


def print_comparisons(comparisons: Sequence[Comparison], console: Console, top: int | None = None) -> None:
    """Print each case, worst first."""
    for found in comparisons:
        console.print(Text(f"\n{printable(found.case.title)}, on {printable(found.case.source.gpu.name)}"))
        if found.gaps:
            console.print(_table(_GAP_COLUMNS, found.gaps[:top]), crop=False, overflow="ignore", no_wrap=True)
        if found.without_formula:
            console.print(Text(f"{found.without_formula} ops without a formula are left out: no shape in the name"))
        if found.seed:
            console.print(Text("the seed document's claims:"))
            console.print(_table(_SEED_COLUMNS, found.seed[:top]), crop=False, overflow="ignore", no_wrap=True)
    if any(found.gaps for found in comparisons):
        console.print(Text(LEGEND))


def document(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What --json prints and compare.json holds."""
    return {"schema_version": 1, "cases": [found.as_dict() for found in comparisons]}


def write_csv_files(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """Write one row per op and case and, with the seed, NAME-seed.csv beside it.

    Raises:
        RoofprofError: a file cannot be written.
    """
    data = document(comparisons)
    files: dict[str, type[Gap | SeedGap]] = {"ops": Gap}
    if any(found.seed for found in comparisons):
        files["seed"] = SeedGap
    names = {rows: path if rows == "ops" else path.with_stem(f"{path.stem}-{rows}") for rows in files}
    return [write_output(names[rows], partial(_write_csv, data, rows, kind)) for rows, kind in files.items()]


_CASE = ("report", "phase", "batch", "seq_len", "cache", "gpu", "target")


def _write_csv(data: dict[str, Any], rows: str, kind: type[Gap | SeedGap], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        _write_rows(data, rows, kind, file)


def _write_rows(data: dict[str, Any], rows: str, kind: type[Gap | SeedGap], file: TextIO) -> None:
    writer = csv.DictWriter(file, [*_CASE, *kind.__dataclass_fields__], lineterminator="\n")
    writer.writeheader()
    for case in data["cases"]:
        for row in case[rows]:
            cells = {**{name: case[name] for name in _CASE}, **row}
            writer.writerow({k: spreadsheet_cell(v) if isinstance(v, str) else v for k, v in cells.items()})


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

_SEED_COLUMNS: Sequence[tuple[str, Callable[[SeedGap], str]]] = (
    ("\nkernel, seed", lambda s: printable(s.kernel, 22)),
    ("AI\nseed", lambda s: _number(s.claimed_intensity)),
    ("its own\nformula", lambda s: _number(s.seed_formula_intensity)),
    ("AI\nform.", lambda s: _number(s.formula_intensity)),
    ("AI\nmeas.", lambda s: _number(s.intensity)),
    ("seed/\nmeas.", lambda s: _number(s.claimed_over_measured)),
    ("bound\nseed", lambda s: _short(s.claimed_bound)),
    ("bound", lambda s: _short(s.bound)),
    ("bound\nhere", lambda s: _short(s.bound_here)),
)


def _short(bound: str | None) -> str:
    return {"memory": "mem", "compute": "comp"}.get(bound or "", bound or "—")


def _table(columns: Sequence[tuple[str, Callable[[Any], str]]], rows: Sequence[Any]) -> Table:
    cells = [[cell(row) for _, cell in columns] for row in rows]
    widths = [
        max(len(text) for text in (*heading.split("\n"), *(row[i] for row in cells)))
        for i, (heading, _) in enumerate(columns)
    ]
    room = WIDTH - sum(widths) - len(widths)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    table.add_column("op", no_wrap=True, overflow="ellipsis", max_width=room)
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True, overflow="ignore")
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(Text(printable(row.label, room)), *texts)
    return table
