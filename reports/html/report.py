"""The HTML report: one file that holds its data, its script and the plotting library, and asks for nothing else."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import write_whole
from roofprof.reports.html.data import page_data
from roofprof.results.report import RooflineReport

_LIBRARY = "plotly-basic.min.js"
_LICENSE = "plotly-basic.LICENSE.txt"
# One scope for all of them, in this order.
_SCRIPTS = (
    "format.js", "state.js", "table.js", "answer.js", "findings.js", "details.js", "columns.js", "shapes.js",
    "roofline.js", "hover.js", "link.js", "page.js",
)  # fmt: skip
_STYLES = ("page.css", "parts.css", "table.css")


def write_html(reports: Sequence[RooflineReport], path: Path) -> None:
    """Write an interactive page of one or more reports, whole or not at all.

    Raises:
        UsageError: no report.
        RoofprofError: the file cannot be written.
    """
    if not reports:
        raise UsageError("no report was given", "roofprof report DIR -o roofline.html")
    text = render_html(reports)
    try:
        write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"))
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror or error}", "choose another path with -o") from None


def render_html(reports: Sequence[RooflineReport]) -> str:
    """The page's text."""
    library = _template(_LIBRARY)
    own = '(() => {\n"use strict";\n' + "\n".join(_template(name) for name in _SCRIPTS) + "})();\n"
    parts = {
        "POLICY": _policy(library, own),
        "STYLE": "".join(map(_template, _STYLES)),
        "LICENSE": _template(_LICENSE).strip(),
        "DATA": embedded_json(page_data(reports)),
        "LIBRARY": library,
        "SCRIPT": own,
    }
    text = _template("page.html")
    # Split and not replaced one after the other: what is put in may hold the words themselves.
    pieces = text.split("%%")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def embedded_json(data: object) -> str:
    """JSON that no HTML parser takes for markup: <, > and & are escapes, and so is all that is not ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(*scripts: str) -> str:
    """A content security policy: these scripts alone run, and nothing is fetched."""
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template(name: str) -> str:
    text = (resources.files("roofprof.reports.html") / "templates" / name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")  # the hash is over what the browser sees
