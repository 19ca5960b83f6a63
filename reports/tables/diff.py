"""A diff for a terminal, as JSON, as CSV and as Markdown for a pull request."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from roofprof.changes.diff import CaseDiff, Diff, counts
from roofprof.changes.gate import Gate
from roofprof.changes.judge import ENOUGH_CALLS, Verdict
from roofprof.changes.op_diff import METRICS, OpDiff
from roofprof.formatting import (
    csv_line,
    format_number,
    format_percent,
    format_si,
    printable,
    quantity,
    spreadsheet_cell,
)
from roofprof.reports.tables.answer import MORE
from roofprof.reports.tables.lines import width_of

NAMED = 3
"""Ops that a gate names."""
SHOWN = 20
"""Rows of a case, unless --top says otherwise."""
NARROWEST, WIDEST = 80, 160
_MARKS = {
    Verdict.REGRESSED: "▲", Verdict.IMPROVED: "▼", Verdict.INCONCLUSIVE: "?", Verdict.WITHIN: " ",
    Verdict.APPEARED: "+", Verdict.VANISHED: "-",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownDiff:
    """What outputs write: a diff, the names of its sides, and its gate where one was asked for."""

    diff: Diff
    names: tuple[str, str]
    gate: Gate | None = None


class _Row(NamedTuple):
    mark: str
    op: str
    before: str
    after: str
    change: str
    time: str
    bytes: str
    flops: str
    ai: str
    roof: str
    headroom: str
    split: str
    verdict: str


_HEADINGS = _Row("", "op", "µs", "µs after", "change", "time", "bytes", "FLOPs", "AI", "of roof", "headroom",
                 "work x bytes x eff.", "verdict")  # fmt: skip
_FROM_WIDTH = {"change": 96, "ai": 116, "roof": 116, "headroom": 116, "split": 140}
"""Columns of the terminal from which there is room for more."""


def text_lines(shown: ShownDiff, width: int, top: int | None = SHOWN, more: str = MORE) -> list[str]:
    """The whole for a terminal; lines are at most as wide as it, 80 to 160.

    Args:
        shown: what to print.
        width: of the terminal.
        top: rows of each case; None for all.
        more: how to see the others.
    """
    width = max(NARROWEST, min(WIDEST, width))
    found = shown.diff
    lines = _title(shown, width)
    for case in found.cases:
        lines += ["", case_head(case, width), *(_table(case.ops[:top], width) if case.ops else [])]
        left = len(case.ops) - len(case.ops[:top])
        lines += [f"and {quantity(left, 'more op')}: {more}"] if left else []
    if not found.cases:
        lines += ["", "nothing in common: no case, no op of one name"]
    lines.append("")
    for words in (*(f"note: {note}" for note in found.notes), summary(shown)):
        lines += textwrap.wrap(printable(words), width, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _title(shown: ShownDiff, width: int) -> list[str]:
    """Both sides and the threshold, on two lines where one is too narrow."""
    before, after = f"{shown.names[0]} →", f"{shown.names[1]}, threshold {format_percent(shown.diff.threshold)}"
    whole = printable(f"{before} {after}")
    return [whole] if width_of(whole) <= width else [printable(before, width), printable(after, width)]


def case_head(case: CaseDiff, width: int | None = None) -> str:
    """The case and its time before and after; to a width, the case gives way to the times."""
    old, new = case.times_ns
    if old is None or new is None:
        times = "time unknown"
    else:
        ratio = f" ({format_number(new / old)}x)" if old else ""
        times = f"{format_si(old / 1e9, 's')} → {format_si(new / 1e9, 's')}{ratio}"
    title = case.title if width is None else printable(case.title, max(8, width - len(times) - 2))
    return f"{title}: {times}"


def summary(shown: ShownDiff) -> str:
    """The verdicts in one line, and what the gate says."""
    found = ", ".join(f"{number} {verdict}" for verdict, number in counts(shown.diff.ops).items()) or "nothing compared"
    if shown.gate is None:
        return found
    gate = shown.gate
    if gate.ok:
        word = "passed"
    elif gate.regressed:
        names = list(dict.fromkeys(op.op for op in gate.regressed))
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        word = f"failed: {', '.join(names[:NAMED])}{more} regressed"
    elif not gate.compared:
        word = "inconclusive: nothing was compared"
    else:
        word = f"inconclusive: {quantity(len(gate.inconclusive), 'op')}{_why_in_doubt(gate)}"
    ops = f" of ops matching {gate.only}" if gate.only else ""
    return f"{found}; gate {format_percent(gate.threshold)} on {_GATED.get(gate.metric, gate.metric)}{ops}: {word}"


_GATED = {"verdict": "verdicts", "dram_bytes": "bytes", "flop_count": "FLOPs", "any": "any metric"}


def _why_in_doubt(gate: Gate) -> str:
    few = sum(op.too_few_calls for op in gate.inconclusive)
    unknown = len(gate.unknown)
    reasons = [f"{few} for fewer than {ENOUGH_CALLS} calls a side"] if few else []
    reasons += [f"{unknown} of unknown {_GATED.get(gate.metric, gate.metric)}"] if unknown else []
    return ", " + ", ".join(reasons) if reasons else ": the calls of both sides overlap"


def _table(ops: Sequence[OpDiff], width: int) -> list[str]:
    kept = [i for i, name in enumerate(_HEADINGS._fields) if width >= _FROM_WIDTH.get(name, 0)]
    rows = [_HEADINGS, *map(_row, ops)]
    cells = [[row[i] for i in kept] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(kept))]
    spare = width - sum(widths) - len(widths) + 1
    if spare < 0:
        widths[1] = max(8, widths[1] + spare)
    texts = {1, len(kept) - 1}
    lines = []
    for row in cells:
        row[1] = printable(row[1], widths[1])
        line = " ".join(
            cell.ljust(w) if i in texts else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append(line.rstrip())
    return lines


def _row(op: OpDiff) -> _Row:
    return _Row(
        _MARKS[op.verdict],
        op.op,
        us(op.a.time_ns if op.a else None),
        us(op.b.time_ns if op.b else None),
        signed_us(op.change_ns),
        change(op.ratio("time_ns")),
        change(op.ratio("dram_bytes")),
        change(op.ratio("flop_count")),
        change(op.ratio("arithmetic_intensity")),
        f"{format_percent(op.a.of_roof if op.a else None)} → {format_percent(op.b.of_roof if op.b else None)}",
        signed_us(headroom_change(op)),
        factor_words(op),
        str(op.verdict) + (" (kernel)" if op.kernels_changed else "") + (" (calls)" if op.too_few_calls else ""),
    )


def factor_words(op: OpDiff) -> str:
    """`1.00 x 1.14 x 1.01`: work, bytes and efficiency, whose product is the ratio of times."""
    factors = op.factors
    return "—" if factors is None else " x ".join(map(format_number, (factors.work, factors.bytes, factors.efficiency)))


def headroom_change(op: OpDiff) -> float | None:
    """In ns; None where a side's is unknown."""
    old, new = (side.headroom_ns if side else None for side in (op.a, op.b))
    return None if old is None or new is None else new - old


def us(ns: float | None) -> str:
    """Microseconds with three significant digits, whole from 100 µs on; an em dash for unknown."""
    return "—" if ns is None else f"{ns / 1e3:,.0f}" if ns >= 99_950 else format_number(ns / 1e3)


def signed_us(ns: float | None) -> str:
    """With its sign."""
    if ns is None:
        return "—"
    text = us(abs(ns))
    return "0" if text == "0" else f"{'+' if ns > 0 else '-'}{text}"


def change(ratio: float | None) -> str:
    """`+3.2 %` of 1.032; a factor where it is far from 1."""
    if ratio is None:
        return "—"
    if not 0.5 <= ratio <= 2:
        return f"{format_number(ratio)}x"
    percent = f"{100 * (ratio - 1):+.1f}"
    return "0 %" if percent in ("+0.0", "-0.0") else f"{percent.removesuffix('.0') if len(percent) > 5 else percent} %"


def document(shown: ShownDiff) -> dict[str, object]:
    """What --json prints."""
    found = shown.diff
    return {
        "schema_version": 1,
        "a": {"name": shown.names[0], "gpu": found.a.gpu.name, "generated": found.a.generated},
        "b": {"name": shown.names[1], "gpu": found.b.gpu.name, "generated": found.b.generated},
        "threshold": found.threshold,
        "ops": [op.as_dict() for op in found.rows],
        "cases": [
            {"case": case.title, "a_time_ns": case.times_ns[0], "b_time_ns": case.times_ns[1]} for case in found.cases
        ],
        "only_a": [case.title for case in found.only_a],
        "only_b": [case.title for case in found.only_b],
        "notes": list(found.notes),
        "gate": shown.gate.as_dict() if shown.gate else None,
    }  # fmt: skip


def json_text(shown: ShownDiff) -> str:
    """`document` as text."""
    return json.dumps(document(shown), ensure_ascii=False, allow_nan=False)


_CSV_FIGURES = {"time_ns": "time_ns", "dram_bytes": "dram_bytes", "flop_count": "flop_count",
                "arithmetic_intensity": "arithmetic_intensity", "roof_fraction": "of_roof",
                "headroom_ns": "headroom_ns", "calls": "calls"}  # fmt: skip
_CSV = ("case", "op", "verdict", *(f"{metric}_verdict" for metric in METRICS),
        *(f"{side}_{name}" for name in _CSV_FIGURES for side in "ab"),
        "work_factor", "byte_factor", "efficiency_factor", "kernels_changed", "too_few_calls")  # fmt: skip


def csv_text(shown: ShownDiff) -> str:
    """One row per op of either side."""
    lines = [csv_line(_CSV)]
    for row in _csv_rows(shown):
        lines.append(csv_line([spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row]))
    return "".join(lines)


def diff_frame(shown: ShownDiff) -> pl.DataFrame:
    """The same rows as a frame."""
    texts, flags = ("case", "op", "verdict"), ("kernels_changed", "too_few_calls")
    schema = {
        name: pl.String if name in texts or name.endswith("_verdict") else pl.Boolean if name in flags else pl.Float64
        for name in _CSV
    }
    return pl.DataFrame(list(_csv_rows(shown)), schema=schema, orient="row", strict=False)


def _csv_rows(shown: ShownDiff) -> Iterator[list[str | float | bool | None]]:
    for op in shown.diff.rows:
        verdicts = [word and str(word) for word in (op.verdicts[metric] for metric in METRICS)]
        figures = [
            None if side is None else getattr(side, field) for field in _CSV_FIGURES.values() for side in (op.a, op.b)
        ]
        factors = [op.factors.work, op.factors.bytes, op.factors.efficiency] if op.factors else [None] * 3
        yield [op.case, op.op, str(op.verdict), *verdicts, *figures, *factors, op.kernels_changed, op.too_few_calls]
