"""A diff as a page of its own: what changed first, both sides on one roofline, every op in a table."""

from html import escape
from typing import TYPE_CHECKING

from roofprof.changes.diff import CaseDiff
from roofprof.changes.op_diff import OpDiff
from roofprof.formatting import escaped, format_number, format_percent
from roofprof.reports.tables.diff import ShownDiff, case_head, change, headroom_change, signed_us, summary, us

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.5rem; text-align: right; border-bottom: 1px solid #8884; }
td { white-space: nowrap; }
td:last-child { white-space: normal; min-width: 8rem; }
th { position: sticky; top: 0; background: Canvas; }
td:first-child, th:first-child, td:last-child, th:last-child { text-align: left; }
.scroll { overflow-x: auto; }
.regressed { color: light-dark(#b3261e, #ff8a80); font-weight: 600; }
.improved { color: light-dark(#006b54, #4fd1a5); font-weight: 600; }
.inconclusive { color: light-dark(#8a5a00, #f5b841); }
.picture { background: #fff; max-width: 100%; overflow-x: auto; }
.picture svg { max-width: 100%; height: auto; }
"""
_HEADINGS = ("op", "before, µs", "after, µs", "time", "DRAM bytes", "FLOPs", "AI", "of roof",
             "headroom, µs", "work", "bytes", "efficiency", "verdict")  # fmt: skip


def render_page(shown: ShownDiff) -> str:
    """The page; text of the reports is data and stays text."""
    title = f"{_text(shown.names[0])} → {_text(shown.names[1])}"
    notes = "".join(f"<li>{_text(note)}</li>" for note in shown.diff.notes)
    cases = "".join(map(_case, shown.diff.cases)) or "<p>Nothing in common: no case, no op of one name.</p>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>'
        f"<p><strong>{_text(summary(shown))}</strong></p><ul>{notes}</ul>\n"
        f'<div class="picture">{_picture(shown)}</div>\n{cases}</body></html>\n'
    )


def _picture(shown: ShownDiff) -> str:
    from roofprof.reports.plots.diff import draw_diff
    from roofprof.reports.plots.style import LIGHT, drawn_in

    with drawn_in(LIGHT):  # as the page is
        return _svg(draw_diff(shown))


def _svg(figure: "Figure") -> str:
    """The figure as SVG, from its first element on."""
    from roofprof.reports.plots.figures import svg_text

    text = svg_text(figure)
    return text[text.index("<svg") :]


def _case(case: CaseDiff) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    rows = "".join(map(_row, case.ops))
    return (
        f'<h2>{_text(case_head(case))}</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def _row(op: OpDiff) -> str:
    factors = (op.factors.work, op.factors.bytes, op.factors.efficiency) if op.factors else (None, None, None)
    words = str(op.verdict) + (", other kernels" if op.kernels_changed else "")
    words += ", fewer than 3 calls a side" if op.too_few_calls else ""
    cells = [
        op.op, *(us(side.time_ns if side else None) for side in (op.a, op.b)),
        *(change(op.ratio(field)) for field in ("time_ns", "dram_bytes", "flop_count", "arithmetic_intensity")),
        " → ".join(format_percent(side.of_roof if side else None) for side in (op.a, op.b)),
        signed_us(headroom_change(op)),
        *(f"{format_number(factor)}x" if factor is not None else "—" for factor in factors),
    ]  # fmt: skip
    data = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
    return f'<tr>{data}<td class="{op.verdict}">{_text(words)}</td></tr>'


def _text(words: str) -> str:
    return escape(escaped(words))
