"""What a notebook shows of an analysis or a diff: a table and a picture, as HTML."""

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from roofprof.formatting import escaped, format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def page_part(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], count: int, figure: "Figure"
) -> str:
    """A heading, a table and a picture; names are data and stay text.

    Args:
        title: what it is of.
        headings: of the columns.
        rows: cells; None is unknown.
        count: how many rows there are in all.
        figure: the picture.
    """
    from roofprof.reports.plots.figures import svg_text

    head = "".join(f"<th>{_text(name)}</th>" for name in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_text(_cell(cell))}</td>' for cell in row)}</tr>" for row in rows)
    left = f"<p>and {count - len(rows)} more</p>" if count > len(rows) else ""
    # As an image of its own: a script in it would not run, and ids of several do not meet.
    picture = base64.b64encode(svg_text(figure).encode("utf-8")).decode("ascii")
    return (
        f"<p><b>{_text(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{left}"
        f'<img alt="roofline" src="data:image/svg+xml;base64,{picture}">'
    )


def _cell(value: object) -> str:
    if value is None:
        return "—"
    return format_number(value) if isinstance(value, float) else str(value)


def _text(words: str) -> str:
    return escape(escaped(words))
