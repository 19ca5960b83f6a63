"""A GPU that no datasheet is known of, in a report without a DRAM peak: every output, with dashes for its roof."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.document.cases import cases_of
from roofprof.document.comparison import compare
from roofprof.reports.all_kernels import read_all_kernels, write_all_kernels
from roofprof.reports.html.report import render_html
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.outputs.registry import analysis_outputs, write_folder
from roofprof.reports.plots.save import save_plots
from roofprof.reports.tables.ops import print_ops
from roofprof.results.report import RooflineReport, load_report


@pytest.fixture(params=[{}, {"tensor_bf16": 4e14, "fp32": 3e13}], ids=["no-roof", "peaks-alone"])
def unknown(request: pytest.FixtureRequest, made: Callable[..., RooflineReport]) -> RooflineReport:
    layers = made([("decode", 1, 4096), ("decode", 64, 4096)])
    gpu = replace(
        layers.gpu, name="NVIDIA X9", sku="NVIDIA X9", source="its report", peak_flop_per_s=request.param,
        dram_bytes_per_s=None, mufu_per_s=None, boost_clock_hz=None,
    )  # fmt: skip
    ops = [replace(op, measured_on=replace(op.measured_on, gpu=gpu.name)).placed(gpu, gpu) for op in layers.ops]
    return replace(layers, gpu=gpu, target=gpu, ops=ops)


def test_such_a_gpu_has_no_ridge_point_and_places_nothing(unknown: RooflineReport) -> None:
    assert unknown.gpu.ridge_point("tensor_bf16") is None
    assert {op.points.on_gpu.bound for op in unknown.ops} == {None}


@pytest.mark.parametrize(
    "write",
    [
        lambda report, folder: write_folder(analysis_outputs(), [report], folder),
        lambda report, folder: save_plots([report], folder, True),
        lambda report, _: render_html([report]),
        lambda report, _: render_markdown([report]),
        lambda report, _: compare(cases_of([report]), True),
        lambda report, _: print_ops(report, report.ops, io.StringIO(), True),
        lambda report, folder: read_all_kernels(write_all_kernels(report, folder / "all_kernels.csv")),
    ],
    ids=["files", "plots", "html", "markdown", "comparison", "table", "all-kernels"],
)  # fmt: skip
def test_every_output_is_made(unknown: RooflineReport, tmp_path: Path, write: Callable[..., object]) -> None:
    write(unknown, tmp_path)


def test_the_page_holds_null_and_no_number_for_what_is_unknown(unknown: RooflineReport) -> None:
    found = re.search(r'id="data">(.*?)</script>', render_html([unknown]), re.DOTALL)
    assert found
    (one,) = json.loads(found[1])["sets"]
    assert one["gpu"]["dram_bytes_per_s"] is None
    assert set(one["gpu"]["ridge_points"].values()) <= {None}


def test_it_is_saved_and_loaded(unknown: RooflineReport, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(unknown.to_json())
    assert load_report(path).to_json() == unknown.to_json()
