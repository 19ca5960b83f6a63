"""Published figures beside our roof, for a terminal of 80 columns."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.formatting import format_percent, format_si
from roofprof.formulas.published_check import CheckedFigure, above_roof
from roofprof.reports.tables.terminal import shown

WIDTH = 80


def print_published(rows: Sequence[CheckedFigure]) -> None:
    """Rows as `check_published` sorts them, then their notes and sources; those without a roof by their reason."""
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    for heading in ("id", "op, dtype, shape", "GPU", "published", "least\ntime", "of\nroof", "notes"):
        words = heading in ("op, dtype, shape", "GPU", "notes")
        table.add_column(heading, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    table.columns[2].max_width = 12
    held = [row for row in rows if row.of_roof is not None]
    references: dict[str, int] = {}
    for row in held:
        published = row.published
        unit = "µs" if published.unit == "us" else published.unit
        numbers = [references.setdefault(text, len(references) + 1) for text in (*row.notes, published.source)]
        table.add_row(
            shown(published.id), shown(f"{published.op} {published.dtype} {published.shape}"), shown(row.gpu or ""),
            shown(f"{published.figure:g} {unit}"), format_si(row.least_time_s, "s"),
            format_percent(row.of_roof), " ".join(map(str, numbers)),
        )  # fmt: skip
    console.print(
        "Published figures beside the least time by formula at the GPU's sheet. Above the roof first, then the "
        "farthest below it."
    )
    console.print(table)
    notes = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    for text, number in references.items():
        notes.add_row(Text(str(number), justify="right"), shown(text))
    console.print(notes)
    for line in _summary(rows, held):
        console.print(shown(line))


def _summary(rows: Sequence[CheckedFigure], held: Sequence[CheckedFigure]) -> Iterator[str]:
    above = sum(map(above_roof, held))
    yield f"{len(held)} of {len(rows)} figures are held against a roof; above it: {above}."
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.of_roof is None:
            reasons.setdefault(row.reason or "", []).append(row.published.id)
    for reason, ids in reasons.items():
        yield f"{len(ids)} without: {reason} ({', '.join(ids)})"
    yield "Formulas: each input read once, each output written once (docs/formulas.md). Sheets: roofprof gpus NAME."
