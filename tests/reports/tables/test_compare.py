"""`roofprof compare`: tables, files, picture."""

import csv
import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from roofprof.cli.compare import sorted_gaps
from roofprof.document.cases import cases_of
from roofprof.document.comparison import FACTORS, Comparison, compare
from roofprof.reports.outputs.registry import comparison_outputs, write_folder
from roofprof.reports.plots.compare import NAMED, SHOWN, draw_comparison
from roofprof.reports.tables.compare import document, print_comparisons
from roofprof.results.report import RooflineReport


def printed(report: RooflineReport, claims: bool = True) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=100, highlight=False, markup=False, emoji=False)
    print_comparisons(compare(cases_of([report]), claims), console)
    return out.getvalue().splitlines()


def test_the_table_fits_80_columns(decode: RooflineReport) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
    print_comparisons(compare(cases_of([decode]), True), console)
    assert max(len(line) for line in out.getvalue().splitlines()) <= 80


@pytest.mark.parametrize("sort", ["order", "time", "ai", "work-ratio", "name"])
def test_sorted_is_the_same_rows_in_another_order(decode: RooflineReport, sort: str) -> None:
    for found in compare(cases_of([decode]), False):
        gaps = sorted_gaps(found, sort).gaps
        assert set(gaps) == set(found.gaps)
        keys = {"time": [-(g.time_ns or 0) for g in gaps], "name": [g.label for g in gaps]}
        if sort in keys:
            assert keys[sort] == sorted(keys[sort])


def test_the_table_fits_100_columns(decode: RooflineReport) -> None:
    lines = printed(decode)
    assert max(len(line) for line in lines) <= 100
    row = next(line for line in lines if line.startswith("moe_gate_up (fp8 CUTLASS es"))
    cells = row.split()[-10:]
    assert cells[:3] == ["8.11", "64.4", "7.94"]
    assert cells[4].endswith("*")
    assert float(cells[4][:-1]) * float(cells[5]) * float(cells[6]) == pytest.approx(float(cells[7]), rel=0.02)


def written(comparisons: list[Comparison], folder: Path) -> dict[str, Path]:
    return {path.name: path for path in write_folder(comparison_outputs(), comparisons, folder)}


def test_the_files(decode: RooflineReport, tmp_path: Path) -> None:
    found = compare(cases_of([decode]), against_document=True)
    paths = written(found, tmp_path)
    assert set(paths) == {"compare.json", "compare.csv", "compare-document.csv", "compare.png", "compare.svg"}
    data = json.loads(paths["compare.json"].read_text())
    assert data == json.loads(json.dumps(document(found)))
    with paths["compare.csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(data["cases"][0]["ops"])
    for row in rows:
        assert math.prod(float(row[f]) for f in FACTORS) == pytest.approx(float(row["time_gap"]))


def test_hostile_names(analyzed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    report = analyzed("kinds/odd-names.ncu-rep")
    text = "\n".join(printed(report))
    assert "\x1b" not in text
    found = compare(cases_of([report]), against_document=True)
    for path in written(found, tmp_path).values():
        if path.suffix == ".png":
            continue
        with path.open(newline="") as file:
            cells = [c for row in csv.DictReader(file) for k, c in row.items() if k in ("op", "label")] if (
                path.suffix == ".csv"
            ) else []  # fmt: skip
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)
    assert "<script>" not in (tmp_path / "compare.svg").read_text()


def test_hostile_labels_in_the_picture(made, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    names = ("<script>x</script>", "$\\frac{a}{", "_hidden", "\x1b[31mred", "=1+1", "a|b", "")
    report = made([("decode", 64, 4096)])
    ops = [replace(op, op=names[i % len(names)]) for i, op in enumerate(report.ops)]
    hostile = replace(report, ops=ops)
    paths = written(compare(cases_of([hostile])), tmp_path)
    png, svg = paths["compare.png"], paths["compare.svg"]
    assert png.read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(svg)
    assert "\x1b" not in svg.read_text()
    assert max(len(line) for line in printed(hostile)) <= 100
    with paths["compare.csv"].open(newline="") as file:
        assert {row["op"][:2] for row in csv.DictReader(file)} >= {"'="}


@pytest.mark.parametrize("name", ["no-nvtx", "default-set", "time-only", "graph-whole"])
def test_pictures_of_every_kind(analyzed, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    paths = written(compare(cases_of([analyzed(f"kinds/{name}.ncu-rep")])), tmp_path)
    for path in (paths["compare.png"], paths["compare.svg"]):
        assert path.stat().st_size > 1000


def test_the_worst_are_named_and_the_bars_add_up_to_their_times(layers: RooflineReport) -> None:
    comparisons = compare(cases_of([layers]))
    scatter, bars = draw_comparison(comparisons).axes
    assert len([t for t in scatter.texts if t.get_gid() == "op-label"]) == NAMED
    names = [t.get_text() for t in bars.texts if "µs" not in t.get_text()]
    assert len(names) == SHOWN
    gaps = [g for found in comparisons for g in found.gaps if g.time_ns is not None and g.formula_time_ns is not None]
    worst = sorted(gaps, key=lambda g: g.formula_time_ns - g.time_ns)[:SHOWN]  # type: ignore[operator]
    drawn: dict[float, float] = {}
    for bar in (patch for patch in bars.patches if round(patch.get_height(), 6) == 0.6):  # type: ignore[attr-defined]
        drawn[round(bar.get_y(), 3)] = drawn.get(round(bar.get_y(), 3), 0.0) + bar.get_width()  # type: ignore[attr-defined]
    limit = max(drawn.values())
    for width, gap in zip(drawn.values(), worst, strict=True):
        assert width == pytest.approx(min(limit, (gap.time_ns or 0) / 1e3))
