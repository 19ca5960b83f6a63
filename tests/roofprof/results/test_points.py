"""An op is placed once for each pair of work and GPU, and the point stays with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

import roofprof.analysis.op_roofline
import roofprof.results.points
from roofprof.document.cases import cases_of
from roofprof.document.comparison import compare
from roofprof.hardware import roofline
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.all_kernels import read_all_kernels, write_all_kernels
from roofprof.results.report import RooflineReport, load_report


@pytest.fixture
def placings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is placed from here on."""
    placed: list[object] = []

    def place(flop_by_pipe, dram_bytes, roofs, mufu_count=None):  # type: ignore[no-untyped-def]
        placed.append((tuple(flop_by_pipe.items()), dram_bytes, roofs))
        return roofline.place(flop_by_pipe, dram_bytes, roofs, mufu_count)

    for module in (roofprof.results.points, roofprof.analysis.op_roofline):
        monkeypatch.setattr(module, "place", place)
    return placed


@pytest.mark.parametrize(("gpu", "each"), [("gb200", 6), ("h100", 4), ("same", 4)])
def test_each_pair_of_work_and_roofs_is_placed_once(data: Path, placings: list[object], gpu: str, each: int) -> None:
    """Measured work and the formula's, per GPU; measured work at its launches' clock and under measured roofs."""
    request = AnalyzeRequest([data / "h100-decode-b64-s4096.ncu-rep"], gpu, ops="h100-decode-b64-s4096")
    report = analyze_files(request)
    assert all(op.formula for op in report.ops)
    assert len(placings) == each * len(report.ops)
    compare(cases_of([report]))
    assert len(placings) == each * len(report.ops)


def test_the_flat_fields_are_the_points(decode: RooflineReport) -> None:
    for op in decode.ops:
        point = op.points.on_target
        assert (op.bound, op.ridge_point, op.attainable_flop_per_s) == (
            point.bound, point.ridge_point, point.attainable_flop_per_s,
        )  # fmt: skip
        assert op.points.on_gpu.ridge_point == op.measured_on.ridge_point


@pytest.mark.parametrize("name", ["h100-decode-b64-s4096", "kinds/set-roofline", "kinds/odd-names"])
def test_a_saved_report_has_the_same_points(analyzed: Callable, tmp_path: Path, name: str) -> None:
    report: RooflineReport = analyzed(f"{name}.ncu-rep", ops="h100-decode-b64-s4096" if "decode" in name else None)
    path = tmp_path / "report.json"
    path.write_text(report.to_json())
    for again in (load_report(path), read_all_kernels(write_all_kernels(report, tmp_path / "all_kernels.csv"))):
        assert [op.points for op in again.ops] == [op.points for op in report.ops]
