"""Every text of a report, words of ours that a saved report may hold otherwise too, in every output."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from roofprof.document.cases import cases_of
from roofprof.document.comparison import compare
from roofprof.findings import Finding, Severity
from roofprof.reports.all_kernels import read_all_kernels, write_all_kernels
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.plots.compare import draw_comparison
from roofprof.reports.plots.figures import save_picture
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.plots.time_share import draw_time_shares
from roofprof.reports.tables.compare import write_csv_files
from roofprof.reports.tables.findings import finding_lines
from roofprof.reports.tables.ops import print_ops
from roofprof.reports.tables.scaling import scaling_lines
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

TEXTS = (
    "<script>x</script>", "a|b\n|c|d|\n|---|---|", "\x1b[31mred\x9b0m", "a\rb\r\nc", "`a` [b](javascript:c) ![d](e)",
    "a\x00b\x08", "\u2028\u202e\u2066", "**a** __b__ ~~c~~ <http://d>", '"&quot;<!--', "\n```\n# a\n",
)  # fmt: skip
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def poisoned_op(op: OpResult, text: str) -> OpResult:
    formula = op.formula
    if formula is not None:
        shape = {k: f"{v}{text}" if isinstance(v, str) else v for k, v in formula.shape.items()}
        formula = replace(formula, bound=text, source=text, shape=shape)
    return replace(
        op, op=f"{op.op}{text}", implementation=f"{text}i", bound=f"m{text}", cache=f"c{text}", phase=f"p{text}",
        roof_source=text, time_source=op.time_source, nvtx_path=[text], source=f"s{text}", formula=formula,
        measured_on=replace(op.measured_on, bound=f"b{text}"),
        findings=[replace(f, kind=f"{f.kind}{text}", message=text, op=text, hint=text) for f in op.findings],
    )  # fmt: skip


def poisoned(report: RooflineReport, text: str) -> RooflineReport:
    """The report with a text in each of its words."""

    def spoilt(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: v if key == "name" else spoilt(v) for key, v in value.items()}
        return f"{value}{text}" if isinstance(value, str) else value

    values: dict[str, object] = {"column": text, "what": text, "metrics": [text]}
    missing = Finding("counter-missing", Severity.WARNING, text, text, report=text, values=values)
    return replace(
        report,
        generated=f"{text}{report.generated}",
        notes=[*report.notes, text],
        ops=[poisoned_op(op, text) for op in report.ops],
        reports=[{key: v if key == "name" else spoilt(v) for key, v in row.items()} for row in report.reports],
        findings=[*report.findings, missing, Finding(f"kind{text}", Severity.DOUBTFUL, text, text, op=text)],
    )


@pytest.fixture(params=TEXTS, ids=range(len(TEXTS)))
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def marks(markdown: str) -> Counter[str]:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [t for block in reader.parse(markdown) for t in (block, *(block.children or ()))]
    return Counter(
        t.type for t in tokens if t.type.endswith("_open") or t.type in ("html_inline", "html_block", "fence")
    )


def test_the_terminal_shows_no_control_character(decode: RooflineReport, text: str) -> None:
    report, out = poisoned(decode, text), io.StringIO()
    print_ops(report, report.ops, out, wide=True)
    lines = [*out.getvalue().split("\n"), *finding_lines(report.findings, verbose=True)]
    assert not [line for line in lines if CONTROL.search(line)]
    assert not [line for line in finding_lines(report.findings) if "\n" in line]


def test_markdown_has_the_markup_of_a_harmless_text(decode: RooflineReport, text: str) -> None:
    document, harmless = render_markdown([poisoned(decode, text)]), render_markdown([poisoned(decode, "abc")])
    assert not CONTROL.search(document)
    assert marks(document) == marks(harmless)
    tables = ["\n".join(scaling_lines(poisoned(decode, each))) for each in (text, "abc")]
    assert marks(tables[0]) == marks(tables[1])


def test_pictures_are_xml(decode: RooflineReport, tmp_path: Path) -> None:
    report = poisoned(decode, "".join(TEXTS))
    figures = (draw_roofline(report), draw_time_shares([report]), draw_comparison(compare(cases_of([report]))))
    for number, figure in enumerate(figures):
        path = save_picture(figure, tmp_path / f"{number}.svg")
        assert not [e for e in ElementTree.parse(path).iter() if e.tag.endswith(("script", "foreignObject", "}a"))]


def test_rows_of_csv_stay_rows(decode: RooflineReport, tmp_path: Path, text: str) -> None:
    report = poisoned(decode, text)
    # Where a column declares its words, the file is refused with any other.
    words = [replace(op, cache=mild.cache, roof_source=mild.roof_source, bound=mild.bound, source=mild.source,
                     measured_on=mild.measured_on, formula=mild.formula)
             for op, mild in zip(report.ops, decode.ops, strict=True)]  # fmt: skip
    report = replace(report, ops=words)
    for path in (
        write_all_kernels(report, tmp_path / "all.csv"),
        *write_csv_files(compare(cases_of([report])), tmp_path / "c.csv"),
    ):
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
        assert {len(row) for row in rows} == {len(rows[0])}
    again = read_all_kernels(tmp_path / "all.csv")
    assert [op.as_dict() for op in again.ops] == [op.as_dict() for op in report.ops]
