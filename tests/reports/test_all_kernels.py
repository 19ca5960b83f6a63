"""all_kernels.csv holds what the outputs need, and gives it back."""

import csv
import re
from pathlib import Path

import pytest

from roofprof.errors import ReportError
from roofprof.reports.all_kernels import COLUMNS, read_all_kernels, write_all_kernels
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.results.report import RooflineReport


@pytest.mark.parametrize(
    "name", ["h100-decode-b64-s4096", "h100-calibration-cold", "kinds/odd-names", "kinds/set-roofline"]
)
def test_every_op_comes_back_as_it_was(analyzed, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    report = analyzed(f"{name}.ncu-rep", ops="h100-decode-b64-s4096" if "decode" in name else None)
    again = read_all_kernels(write_all_kernels(report, tmp_path / "all_kernels.csv"))
    assert [op.as_dict() for op in again.ops] == [op.as_dict() for op in report.ops]
    assert (again.gpu.as_dict(), again.target.as_dict()) == (report.gpu.as_dict(), report.target.as_dict())
    assert (again.generated, again.notes) == (report.generated, report.notes)


def test_the_document_and_the_picture_are_the_same(decode: RooflineReport, tmp_path: Path) -> None:
    again = read_all_kernels(write_all_kernels(decode, tmp_path / "all_kernels.csv"))
    differing = [
        (a, b)
        for a, b in zip(render_markdown([decode]).splitlines(), render_markdown([again]).splitlines(), strict=True)
        if a != b
    ]
    assert all("Findings:" in a for a, _ in differing)  # those that belong to no op are not in the CSV
    texts = [[t.get_text() for t in draw_roofline(r).axes[0].texts] for r in (decode, again)]
    assert texts[0] == texts[1]


def test_no_cell_is_a_formula(analyzed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write_all_kernels(analyzed("kinds/odd-names.ncu-rep"), tmp_path / "all_kernels.csv")
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    numbers = re.compile(r"-?\d[\d.e+-]*")
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t", "\r")) and not numbers.fullmatch(c)]


def test_every_column_is_documented(root: Path) -> None:
    text = (root / "docs/all-kernels.md").read_text()
    missing = [c for c in COLUMNS if f"`{c}`" not in text and not re.fullmatch(r".*_flop_count", c)]
    assert not missing


@pytest.mark.parametrize(
    ("text", "words"), [("", "no row"), ("op,batch\nx,1\n", "missing columns"), (None, "cannot read")]
)
def test_what_is_not_such_a_file_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "all_kernels.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ReportError, match=words):
        read_all_kernels(path)


def test_an_invalid_number(decode: RooflineReport, tmp_path: Path) -> None:
    path = write_all_kernels(decode, tmp_path / "all_kernels.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[3]["dram_bytes"] = "many"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(ReportError, match=r"row 4.dram_bytes = 'many': expected a number"):
        read_all_kernels(path)
