"""The tables of a sweep."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.errors import RoofprofError
from roofprof.reports.tables.scaling import CSV_COLUMNS, scaling_lines, write_scaling
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport


def at(op: OpResult, batch: int) -> OpResult:
    return replace(op, batch=batch, report=f"b{batch}", duration_ns=(op.duration_ns or 0) * batch)


@pytest.fixture
def swept(decode: RooflineReport) -> RooflineReport:
    return replace(decode, ops=[at(op, b) for b in (256, 1, 64) for op in decode.ops])


def test_each_op_has_its_numbers_by_batch(swept: RooflineReport) -> None:
    lines = scaling_lines(swept)
    start = lines.index("| op, batch | 1 | 64 | 256 |")
    row = next(line for line in lines[start:] if line.startswith("| router_gemm"))
    op = next(o for o in swept.ops if o.op == "router_gemm")
    assert op.formula
    assert op.arithmetic_intensity
    assert row.count(f"{op.arithmetic_intensity:.1f} ({op.formula.arithmetic_intensity:.1f})") == 3


def test_the_csv_has_one_row_per_op_and_point_in_order(swept: RooflineReport, tmp_path: Path) -> None:
    write_scaling(swept, tmp_path)
    rows = list(csv.DictReader((tmp_path / "scaling.csv").read_text().splitlines()))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == len(swept.ops)
    assert list(dict.fromkeys(row["batch"] for row in rows)) == ["1", "64", "256"]


def test_hostile_names_break_no_table(swept: RooflineReport, tmp_path: Path) -> None:
    name = "a|b `c` **d** <script>alert(1)</script>\n# x [y](z)"
    ops = [replace(op, op=name, implementation=None, report="=1+1") if i % 2 else op for i, op in enumerate(swept.ops)]
    write_scaling(replace(swept, ops=ops), tmp_path)
    text = (tmp_path / "scaling.md").read_text()
    assert not set("<>`*[]") & set(text)
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.count("|") in (5, 11)
    assert all(
        not row["report"].startswith("=") for row in csv.DictReader((tmp_path / "scaling.csv").read_text().splitlines())
    )


def test_a_folder_that_cannot_be_written_is_an_error(swept: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RoofprofError, match=r"cannot write .*scaling\.csv"):
        write_scaling(swept, tmp_path / "file")
