"""The HTML page as a file; tests/reports/test_html_browser.py drives it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import RoofprofError, UsageError
from roofprof.hardware.ceilings import Ceilings, Peak
from roofprof.reports.html.data import page_data
from roofprof.reports.html.report import embedded_json, render_html, write_html
from roofprof.results.report import RooflineReport


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
    assert [op["op"] for op in data["ops"]] == [op.op for op in decode.ops]
    for shown, op in zip(data["ops"], decode.ops, strict=True):
        assert shown["arithmetic_intensity"] == op.arithmetic_intensity
        assert [k["launch_id"] for k in shown["kernel_rows"]] == op.kernels
        assert [f["kind"] for f in shown["findings"]] == [f.kind for f in op.findings]
        assert (shown["formula_words"] is None) == (op.formula is None)
    # Each finding stands once: with its op, or on its own.
    shown = [f for op in data["ops"] for f in op["findings"]] + data["findings"]
    assert sorted(f["message"] for f in shown) == sorted(f.message for f in decode.findings)
    assert data["sets"][0]["target"]["peak_flop_per_s"] == decode.target.peak_flop_per_s


def test_several_reports_stand_side_by_side(decode: RooflineReport) -> None:
    data = page_data([decode, decode])
    assert [op["set"] for op in data["ops"]] == [0] * len(decode.ops) + [1] * len(decode.ops)


def test_markup_in_names_stays_text(analyzed) -> None:  # type: ignore[no-untyped-def]
    page = render_html([analyzed("kinds/odd-names.ncu-rep")])
    assert page.count("</script>") == 3
    assert "<script>alert" not in page
    names = [op["op"] for op in data_of(page)["ops"]]
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
