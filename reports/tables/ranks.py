"""What a first screen says of several ranks: how their times differ, and what collectives sent and waited."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from roofprof.formatting import escaped, format_number, format_percent, format_si, listed, told_apart
from roofprof.reports.tables.lines import aligned, microseconds, shortened
from roofprof.results.op import OpResult, short_labels
from roofprof.results.rank_summary import RankLayer, RankSummary
from roofprof.results.report import RooflineReport

_NAME = 20
_WIDE = 96
"""Columns from which a table has room between its columns."""
_SHOWN = 8


class _Cells(NamedTuple):
    op: str
    sent: str
    formula: str
    ratio: str
    time: str
    wait: str
    late: str
    rate: str
    of_link: str


_HEADINGS = _Cells("collective", "sent", "formula", "ratio", "µs", "wait µs", "late", "GB/s", "of link")


def rank_head(summary: RankSummary, layer: RankLayer | None) -> list[str]:
    """Ranks, missing ones, and the slowest beside the fastest, in parts that stand side by side."""
    there = summary.count - len(summary.missing)
    parts = [f"{summary.count} ranks" if not summary.missing else f"{there} of {summary.count} ranks"]
    if summary.missing:
        ranks = f"rank{'s' if len(summary.missing) > 1 else ''} {listed(summary.missing, _SHOWN)}"
        parts[0] += f" (without {ranks})"
    known = {rank: ns for rank, ns in enumerate(layer.duration_ns if layer else ()) if ns is not None}
    if layer and layer.slowest_rank is not None and len(known) > 1:
        fastest = min(known, key=lambda rank: known[rank])
        slowest = known[layer.slowest_rank]
        parts.append(f"slowest rank {layer.slowest_rank}: {format_si(slowest / 1e9, 's')}")
        parts.append(f"fastest rank {fastest}: {format_si(known[fastest] / 1e9, 's')}")
    elif layer and layer.slowest_rank is None:
        parts.append("time of a rank unknown: collectives need traces of every rank")
    if layer and layer.slowest_graph_ns is not None:
        parts.append(f"in a CUDA graph: {format_si(layer.slowest_graph_ns / 1e9, 's')}")
    return parts


def collective_lines(ops: Sequence[OpResult], source: RooflineReport, width: int) -> list[str]:
    """A table of the ops that communicate, and an empty line before it; nothing where none does."""
    table = collective_table(ops, source)
    if not table:
        return []
    right = [bool(at) for at in range(len(table[0]))]
    return ["", *(shortened(line, width) for line in aligned(table, right, gap=1 + (width >= _WIDE)))]


def collective_table(ops: Sequence[OpResult], source: RooflineReport) -> list[list[str]]:
    """Headings and a row for each op that communicates: bytes sent beside the formula's, wait apart from transfer."""
    moved = [op for op in ops if op.link_tx_bytes is not None or op.rank_calls]
    names = told_apart(short_labels(moved, with_case=False), _NAME)
    rows = [_cells(op, name, _link(source)) for op, name in zip(moved, names, strict=True)]
    if not rows:
        return []
    unknown = [name for name in ("formula", "ratio") if all(getattr(row, name) == "—" for row in rows)]
    kept = [i for i, name in enumerate(_Cells._fields) if name not in unknown]
    return [[row[i] for i in kept] for row in (_HEADINGS, *rows)]


def _link(source: RooflineReport) -> float | None:
    """The best roof of the link that is known: as measured, else the datasheet's."""
    measured = source.ceilings.link_bytes_per_s if source.ceilings else None
    return measured or source.gpu.nvlink_bytes_per_s


def _cells(op: OpResult, name: str, roof: float | None) -> _Cells:
    sent, asked = op.link_tx_bytes, op.link_bytes_formula
    rate = op.link_bytes_per_s
    return _Cells(
        escaped(name),
        format_si(sent, "B"),
        format_si(asked, "B"),
        format_number(sent / asked) if sent is not None and asked else "—",
        microseconds(op.time_ns),
        microseconds(op.wait_ns),
        "—" if op.straggler_rank is None else f"rank {op.straggler_rank}",
        "—" if rate is None else format_number(rate / 1e9),
        format_percent(rate / roof if rate is not None and roof else None),
    )


def rank_legend(source: RooflineReport) -> Iterator[str]:
    """What the figures of ranks stand on."""
    yield (
        "ranks: an op is its call whose slowest rank is the median, and that rank's numbers; shares are of the "
        "slowest rank's time"
    )
    if source.ranks and any(layer.graph_duration_ns for layer in source.ranks.layers):
        yield "in a CUDA graph: the slowest rank's time where the layer is replayed, each op its median call"
    ops = source.ops
    if any(op.link_tx_bytes is not None for op in ops):
        roof, sheet = _link(source), source.gpu.nvlink_bytes_per_s
        link = f", of link: of {format_si(roof, 'B/s')} each way" if roof else ""
        if roof != sheet:
            link += f", what writing a peer's memory reached (datasheet {format_si(sheet, 'B/s')})"
        yield f"sent: NVLink user bytes, median rank; GB/s: sent / time without the wait{link}"
    if any(op.wait_ns is not None for op in ops):
        yield "wait: the slowest rank's time less that of the rank that came last, by nsys"
        if any(op.straggler_idle_ns is not None for op in ops):
            yield "idle, busy: what the GPU of the last rank was since the collective before, more than the first one's"
    elif source.ranks and source.ranks.aligned is False and (spread := source.ranks.clock_spread_ns) is not None:
        yield f"wait unknown: ends of collectives lie {format_si(spread / 1e9, 's')} apart over ranks (--explain)"
