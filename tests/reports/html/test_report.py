"""The HTML page as a file; tests/reports/test_html_browser.py drives it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.advice.answer import answers_of
from roofprof.errors import RoofprofError, UsageError
from roofprof.hardware.ceilings import Ceilings, Peak
from roofprof.reports.html.columns import packed
from roofprof.reports.html.data import page_data
from roofprof.reports.html.report import embedded_json, render_html, write_html
from roofprof.reports.plots.points import projected_points
from roofprof.reports.tables.answer import ROWS, head_parts
from roofprof.results.report import RooflineReport


def column(columns: dict, name: str) -> list:
    """A column's values, as state.js reads them."""
    count = next(len(c["index"] if isinstance(c, dict) else c) for c in columns.values() if c)
    found = columns[name]
    if isinstance(found, dict):
        return [found["distinct"][place] for place in found["index"]]
    return [None] * count if found is None else found


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_one_file_under_5_mb_that_names_no_other(decode: RooflineReport, tmp_path: Path) -> None:
    write_html([decode], tmp_path / "new" / "roofline.html")
    page = (tmp_path / "new" / "roofline.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 5e6
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["roofline.html"]
    own = page.replace(re.findall(r"<script>(/\*.*?)</script>", page, re.DOTALL)[0], "")
    assert not re.search(r"<(?:link|img|iframe)\b|\b(?:src|href)=|@import|url\(", own)
    assert "default-src 'none'" in own
    assert "Permission is hereby granted" in own  # the library's licence goes where the library goes


def test_the_page_holds_every_op_with_its_kernels_and_findings(decode: RooflineReport) -> None:
    data = data_of(render_html([decode]))
    ops, kernels, findings = data["ops"], data["kernels"], data["findings"]
    for name in ("op", "arithmetic_intensity", "time_ns", "of_roof", "headroom_ns", "nvtx_path", "share", "work_ratio"):
        assert column(ops, name) == [getattr(op, name) for op in decode.ops]
    assert column(ops, "measured_on_bound") == [op.measured_on.bound for op in decode.ops]
    assert column(kernels, "launch_id") == [launch for op in decode.ops for launch in op.kernels]
    assert column(ops, "kernel_count") == [len(op.kernels) for op in decode.ops]
    carried = [(row, kind) for row, kind in zip(column(findings, "row"), column(findings, "kind"), strict=True)]
    assert [c for c in carried if c[0] is not None] == [
        (row, finding.kind) for row, op in enumerate(decode.ops) for finding in op.findings
    ]
    # Each finding stands once: with its op, or on its own.
    assert sorted(column(findings, "message")) == sorted(f.message for f in decode.findings)
    assert {op.formula.name for op in decode.ops if op.formula} == set(data["formulas"])
    assert data["sets"][0]["target"]["peak_flop_per_s"] == decode.target.peak_flop_per_s


def test_the_answers_are_the_terminals(layers: RooflineReport) -> None:
    data = data_of(render_html([layers]))
    answers = answers_of(layers, top=ROWS)
    assert len(data["cases"]) == len(answers) > 1
    for case, answer in zip(data["cases"], answers, strict=True):
        rows = [*answer.rows, *answer.folded]
        assert [case["head"]] == head_parts(answer)
        assert [layers.ops[row] for row in case["rows"]] == [row.op for row in rows]
        assert case["shown"] == len(answer.rows)
        for name, values in (
            ("rank", [row.rank for row in rows]),
            ("layer_share", [row.share for row in rows]),
            ("counted", [row.counted for row in rows]),
            ("why", [row.reason.why for row in rows]),
            ("attempt", [row.reason.attempt for row in rows]),
        ):
            shown = column(data["ops"], name)
            assert [shown[row] for row in case["rows"]] == values


def test_the_target_is_drawn_by_useful_work(layers: RooflineReport) -> None:
    there = data_of(render_html([layers]))["points"]["there"]
    labels = {id(op): op.op for op in layers.ops}
    points = [point for answer in answers_of(layers) for point in projected_points(answer, labels).drawn]
    assert [layers.ops[row] for row in column(there, "row")] == [point.op for point in points]
    assert column(there, "x") == [point.intensity for point in points]
    assert column(there, "y") == [point.rate for point in points]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, None],
        ["a", "b"],
        ["a", "a", None],
        [[1, 2], [1, 2]],
        [None, None],
        [{"m": 1}, {"m": 1}, "m"],
        [],
        ["", None],
    ],
)
def test_a_packed_column_reads_back(values: list) -> None:
    columns = {"index": [0] * len(values) or [0], "packed": packed(values)}
    assert column(columns, "packed")[: len(values)] == values


def test_several_reports_stand_side_by_side(decode: RooflineReport) -> None:
    data: Any = page_data([decode, decode])
    assert column(data["ops"], "set") == [0] * len(decode.ops) + [1] * len(decode.ops)
    titles = [case["title"] for case in data["cases"]]
    assert len(set(titles)) == len(titles) == 2  # a link names a case by its title


def test_markup_in_names_stays_text(analyzed) -> None:  # type: ignore[no-untyped-def]
    page = render_html([analyzed("kinds/odd-names.ncu-rep")])
    assert page.count("</script>") == 3
    assert "<script>alert" not in page
    names = column(data_of(page)["ops"], "op")
    assert "<script>alert(1)</script>" in names
    assert "\\x1b[31mred\\x1b[0m" in names


def test_no_text_can_leave_the_data(decode: RooflineReport) -> None:
    text = "</script><!--<script>&amp;\u2028%%SCRIPT%%"
    assert not set("<>&\u2028") & set(embedded_json({"name": text}))
    noted = replace(decode, notes=[text])
    assert data_of(render_html([noted]))["sets"][0]["notes"] == [text.replace("\u2028", "\\x2028")]


def test_no_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report"):
        write_html([], tmp_path / "roofline.html")


def test_a_folder_that_cannot_be_written_is_an_error(decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RoofprofError, match=r"cannot write .*roofline\.html"):
        write_html([decode], tmp_path / "file" / "roofline.html")


def test_measured_roofs_stand_beside_the_datasheets(decode: RooflineReport) -> None:
    found = Ceilings("H100", "2026-11-22", {"read": 3.0e12, "copy": 2.8e12}, {"tensor_bf16": Peak(7.5e14, 7.0e14)})
    sets: Any = page_data([replace(decode, ceilings=found)])["sets"]
    (one,) = sets
    assert one["measured"]["dram_bytes_per_s"] == 3.0e12
    assert one["measured"]["ridge_points"] == {"tensor_bf16": 250}
    without: Any = page_data([replace(decode, ceilings=None)])["sets"]
    assert without[0]["measured"] is None
