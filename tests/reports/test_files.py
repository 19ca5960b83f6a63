"""Tables, files and pictures, among them those of hostile names."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from roofprof.advice.answer import answers_of
from roofprof.reports.files import OPS_SCHEMA
from roofprof.reports.outputs.registry import analysis_outputs, required_output, write_folder
from roofprof.reports.plots.points import NAMED
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.tables.findings import finding_lines
from roofprof.reports.tables.ops import print_ops
from roofprof.results.report import RooflineReport


def table(report: RooflineReport, wide: bool = False) -> list[str]:
    out = io.StringIO()
    print_ops(report, report.ops, out, wide)
    return out.getvalue().splitlines()


def test_the_table_fits_100_columns_and_cuts_no_number(decode: RooflineReport) -> None:
    lines = table(decode)
    assert max(len(line) for line in lines) <= 100
    row = next(line for line in lines if line.startswith("moe_gate_up (fp8 CUTLASS es"))
    assert (
        row.split()[-12:]
        == ["1305", "3.72", "GB", "240", "G", "8.11", "64.4", "7.97", "1.00", "mem", "515", "T", "85", "%"][-12:]
    )


def test_the_total_sums_and_then_divides(decode: RooflineReport) -> None:
    line = next(line for line in table(decode) if line.startswith("total"))
    time = sum(op.duration_ns for op in decode.ops) / 1e3  # type: ignore[misc]
    intensity = sum(op.flop_count for op in decode.ops) / sum(op.dram_bytes for op in decode.ops)  # type: ignore[misc]
    assert f" {time:.0f} " in line
    assert f"{intensity:.3g}" in line


def test_wide_shows_every_column_of_the_contract(decode: RooflineReport) -> None:
    text = "\n".join(table(decode, wide=True))
    for heading in ("read", "written", "upper", "L1 fill", "at clock", "spread", "findings"):
        assert heading in text


def test_launches_in_no_range_are_listed(analyzed) -> None:  # type: ignore[no-untyped-def]
    text = "\n".join(table(analyzed("kinds/no-nvtx.ncu-rep")))
    assert "9 launches in no range" in text
    assert "scale_add" in text


def test_findings_are_counted_and_no_line_is_a_list_of_metrics(analyzed) -> None:  # type: ignore[no-untyped-def]
    lines = list(finding_lines(analyzed("kinds/default-set.ncu-rep").findings))
    assert len(lines) == 2
    assert lines[1].startswith("  hint: roofprof capture collects them; of NVIDIA's sets, ncu --set full")
    assert "FLOPs of tensor_bf16, tensor_fp16," in lines[0]
    assert "__" not in "".join(lines)


def test_the_files(decode: RooflineReport, tmp_path: Path) -> None:
    paths = {p.name: p for p in write_folder(analysis_outputs(), [decode], tmp_path / "out")}
    assert set(paths) == {"report.json", "ops.csv", "ops.parquet", "kernels.csv", "roofline.png", "roofline.svg"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == set(paths)
    ops = pl.read_parquet(paths["ops.parquet"])
    assert ops.schema == OPS_SCHEMA
    with paths["ops.csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["dram_bytes"]) for r in rows] == ops["dram_bytes"].to_list()
    assert json.loads(rows[6]["kernels"]) == [6, 7]
    assert rows[0]["tensor_fp4_flop_count"] == ""
    assert pl.read_csv(paths["kernels.csv"]).height == 85


def overlaps(boxes: list) -> list[tuple[int, int]]:
    return [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1
    ]


@pytest.mark.parametrize("fixture", ["decode", "layers"])
def test_the_ten_ops_with_most_headroom_are_named_and_no_label_overlaps(request, fixture: str) -> None:  # type: ignore[no-untyped-def]
    report: RooflineReport = request.getfixturevalue(fixture)
    figure = draw_roofline(report)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    assert len(figure.axes) == 2 * len(answers_of(report))
    for axes in figure.axes:
        labels = [t for t in axes.texts if t.get_gid() == "op-label"]
        assert 0 < len(labels) <= NAMED
        boxes = [t.get_window_extent(renderer) for t in labels]
        assert overlaps(boxes) == []
        frame = axes.get_window_extent(renderer)
        assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)
    key = [t.get_window_extent(renderer) for t in figure.texts if t.get_text()]
    assert overlaps(key) == []
    width, height = figure.canvas.get_width_height()
    assert all(b.x0 >= 0 and b.x1 <= width and b.y0 >= 0 and b.y1 <= height for b in key)


@pytest.mark.parametrize("name", ["odd-names", "no-nvtx", "default-set", "graph-whole"])
def test_pictures_of_every_kind(analyzed, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    png, svg = tmp_path / "roofline.png", tmp_path / "roofline.svg"
    for path in (png, svg):
        required_output(analysis_outputs(), path).write([analyzed(f"kinds/{name}.ncu-rep")], path)
    assert png.read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(svg)


def test_hostile_names_are_harmless_everywhere(analyzed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    report = analyzed("kinds/odd-names.ncu-rep")
    ops = {op.op for op in report.ops}
    assert {"<script>alert(1)</script>", '=HYPERLINK("x")', "\x1b[31mred\x1b[0m", "../../etc/passwd", ""} <= ops
    text = "\n".join([*table(report), *finding_lines(report.findings, verbose=True)])
    assert "\x1b" not in text
    assert "\t" not in text
    assert all(len(line) <= 100 for line in table(report))
    write_folder(analysis_outputs(), [report], tmp_path)
    assert len(list(tmp_path.iterdir())) == 6  # no name became a path
    for name in ("ops.csv", "kernels.csv"):
        with (tmp_path / name).open(newline="") as file:
            cells = [cell for row in csv.DictReader(file) for key, cell in row.items() if key in ("op", "kernel_name")]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)
    svg = (tmp_path / "roofline.svg").read_text()
    assert "<script>" not in svg
    assert "\x1b" not in svg
    assert json.loads((tmp_path / "report.json").read_text())["ops"][0]["op"] == "<script>alert(1)</script>"
