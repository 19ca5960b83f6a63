"""The ops of a case on the target GPU, as lines of a terminal."""

from collections.abc import Mapping, Sequence

from roofprof.advice.answer import Answer, TargetRow, least_time, target_rows
from roofprof.formatting import escaped, format_number, format_si, printable, told_apart
from roofprof.reports.tables.lines import aligned, microseconds, shortened, width_of

ROWS = 8
GAP = 2
_MOST_NAME = 30
_LEAST_NAME = 8
_HEADINGS = ("op", "AI meas.", "AI useful", "bound", "attainable", "least µs")


def starred(names: Sequence[str], counted: Sequence[bool], room: int) -> list[str]:
    """Ops' labels, cut so that they are told apart, with a star where an op is in no sum of the layer."""
    cut = told_apart(names, room)
    return [
        text if own else f"{printable(name, room - 2)} *"
        for name, text, own in zip(names, cut, counted, strict=True)
    ]  # fmt: skip


def target_lines(answer: Answer, names: Mapping[int, str], width: int, of_what: str) -> list[str]:
    """The first ops of a case on the target; nothing where none of their figures is known.

    Args:
        answer: the case.
        names: labels of its ops, by identity.
        width: columns; names are cut so that no figure is.
        of_what: what the sum of the times is of, in words.
    """
    source = answer.case.source
    rows = target_rows(answer.case, [row.op for row in answer.rows[:ROWS]])
    cells = [_cells(row) for row in rows]
    shown = [i for i in range(len(_HEADINGS) - 1) if any(row[i] != "—" for row in cells)]
    if not any(row.op.useful for row in rows):  # the same as what was measured
        shown = [i for i in shown if _HEADINGS[i + 1] != "AI useful"]
    if not shown:
        return []
    headings = [_HEADINGS[i + 1] for i in shown]
    figures = [headings, *([row[i] for i in shown] for row in cells)]
    taken = sum(max(map(width_of, column)) + GAP for column in zip(*figures, strict=True))
    room = max(_LEAST_NAME, min(_MOST_NAME, width - taken))
    layer = {id(op) for op in answer.case.layer}
    labels = starred([names[id(row.op)] for row in rows], [id(row.op) in layer for row in rows], room)
    table = [(escaped(name), *map(escaped, row)) for name, row in zip(("op", *labels), figures, strict=True)]
    least = least_time(answer.case)
    words = "" if least.value is None else f": at least {format_si(least.value / 1e9, 's')} {of_what}"
    title = shortened(f"the same ops on {escaped(source.target.name)}, extrapolated{words}", width)
    return [title, *aligned(table, [name not in ("op", "bound") for name in ("op", *headings)], gap=GAP)]


def _cells(row: TargetRow) -> tuple[str, ...]:
    ns = row.counted_ns
    least = "< 0.001" if ns is not None and 0 < ns < 1 else microseconds(ns)
    return (
        format_number(row.op.arithmetic_intensity),
        format_number(row.useful_intensity),
        "link" if row.bound == "communication" else row.bound or "—",
        format_si(row.attainable_flop_per_s, "FLOP/s"),
        f"{least} (launch)" if row.by_launch else least,
    )
