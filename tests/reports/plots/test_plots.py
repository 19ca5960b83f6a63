"""The further pictures: levels, phases, share of time, scaling."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.text import Text
from shared_data import shared_data  # noqa: F401

import roofprof
from roofprof.document.cases import cases_of
from roofprof.document.scaling import series_of
from roofprof.errors import RoofprofError
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.html.data import page_data
from roofprof.reports.plots.levels import draw_levels
from roofprof.reports.plots.panel import Limits, RoofSet
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.plots.save import phase_reports, save_plots, save_scaling
from roofprof.reports.plots.scaling import draw_scaling
from roofprof.reports.plots.time_share import draw_time_shares
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ("$\\frac{", "<script>alert(1)</script>", "_hidden", "a\x1b[31m\nb", "&amp; % {x}", "漢字")


@pytest.fixture
def grown(decode: RooflineReport) -> Callable[..., RooflineReport]:
    """The bundled layer repeated for other batches: its shapes are wrong, its fields are whole."""

    def build(batches: tuple[int, ...] = (1, 64, 256), phase: str = "decode") -> RooflineReport:
        def op(o: OpResult, b: int) -> OpResult:
            return replace(o, batch=b, phase=phase, report=f"b{b}", duration_ns=(o.duration_ns or 0) * b)

        return replace(decode, ops=[op(o, b) for b in batches for o in decode.ops])

    return build


def texts(path: Path) -> str:
    return " ".join("".join(e.itertext()) for e in ElementTree.parse(path).iter(f"{SVG}text"))


def test_every_picture_is_titled_with_gpu_and_date(grown: Callable[..., RooflineReport], tmp_path: Path) -> None:
    report = grown()
    paths = save_plots([report], tmp_path, by_phase=True)
    assert sorted(p.name for p in paths if p.suffix == ".png") == [
        "roofline-decode.png", "roofline-levels.png", "scaling-batch-decode-s4096-cold-h100.png", "time-share.png",
    ]  # fmt: skip
    for path in paths:
        assert path.stat().st_size > 10_000
        if path.suffix == ".svg":
            assert re.search("measured on h100|on H100 SXM5 80 GB .measured.", texts(path))
            assert report.date in texts(path)


def test_one_size_gives_no_scaling(decode: RooflineReport, tmp_path: Path) -> None:
    assert save_scaling([decode], tmp_path) == []


def test_shares_sum_to_the_whole_bar(grown: Callable[..., RooflineReport]) -> None:
    axes = draw_time_shares([grown()]).axes[0]
    bars = [patch for patch in axes.patches if hasattr(patch, "get_width")]
    for row in range(3):
        own = [b for b in bars if round(b.get_y() + 0.25) == row]  # type: ignore[attr-defined]
        assert sum(b.get_width() for b in own) == pytest.approx(1)  # type: ignore[attr-defined]


def test_scaling_draws_the_measured_values(grown: Callable[..., RooflineReport]) -> None:
    report = grown()
    (series,) = series_of(cases_of([report]), "batch")
    figure = draw_scaling([report], series)
    line = figure.axes[1].lines[0]
    label = str(line.get_label())
    ops = [op for op in report.ops if label in (op.op, op.label)]
    assert list(line.get_xdata()) == [1, 64, 256]  # type: ignore[arg-type]
    assert list(line.get_ydata()) == [op.measured_on.achieved_flop_per_s for op in ops]  # type: ignore[arg-type]


def test_phases_are_cut_apart(grown: Callable[..., RooflineReport]) -> None:
    both = replace(grown((1,)), ops=[*grown((1,)).ops, *grown((4,), "prefill").ops])
    parts = phase_reports(both)
    assert list(parts) == ["decode", "prefill"]
    assert {op.batch for op in parts["prefill"].ops} == {4}


def test_hostile_names_are_drawn_as_text(grown: Callable[..., RooflineReport], tmp_path: Path) -> None:
    report = grown()
    named = [replace(op, op=HOSTILE[i % 6], implementation=str(i // 6 % 9)) for i, op in enumerate(report.ops)]
    for path in save_plots([replace(report, ops=named)], tmp_path, by_phase=True):
        if path.suffix == ".svg":
            assert not list(ElementTree.parse(path).iter(f"{SVG}script"))


def test_a_folder_that_cannot_be_written_is_an_error(decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RoofprofError, match="cannot write"):
        save_plots([decode], tmp_path / "file")


@pytest.mark.parametrize("source", ["workloads/triton", "serving/hf-deepseek-modules"])
def test_no_text_of_a_single_panel_is_cut_or_covered(source: str, data: Path, request: pytest.FixtureRequest) -> None:
    folder = data if (data / source).exists() else request.getfixturevalue("shared_data")
    figure = draw_roofline(analyze_files(AnalyzeRequest([folder / source], "same")))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    whole = figure.bbox
    for text in (*figure.texts, *axes.texts, axes.yaxis.label, *axes.get_yticklabels(which="both")):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0, text
        assert box.x1 <= whole.x1, text
    at_the_foot = [text.get_window_extent() for text in axes.texts if re.match("no FLOPs|below:", text.get_text())]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(at_the_foot, 2))


def test_an_op_deeper_than_a_diffs_panel_is_named_at_its_foot(data: Path) -> None:
    analysis = roofprof.analyze(data / "h100-fp8").filter(phase="decode", batch=1)
    (axes,) = roofprof.diff(analysis, analysis).plot().axes
    texts = [text.get_text() for text in axes.texts]
    (below,) = [text for text in texts if text.startswith("below: ")]
    assert below.startswith("below: input_layernorm, ")
    assert below.endswith(", 2 more")
    assert "input_layernorm" not in texts, "it would stand outside the panel"


def test_a_picture_of_ops_near_the_roof_alone_spans_more_than_a_decade() -> None:
    bottom, top = Limits.of(
        [200.0, 230.0], [5e14, 6e14], [RoofSet("datasheet", {"tensor_bf16": 1e15}, 5e12)], ["tensor_bf16"]
    ).y
    assert top / bottom > 30


def test_each_case_is_drawn_under_the_roofs_of_its_own_gpu(data: Path, unpacked: Callable[[str], Path]) -> None:
    """An H100, whose measured roofs ship, and an H200."""
    other = unpacked("ranks/h200-tp4") / "rank000/ncu/decode-core-cold.ncu-rep"
    report = roofprof.analyze(data / "kinds/set-roofline.ncu-rep", other, gpu="same").data
    assert report.gpu.name == "h100"
    for draw, words in ((draw_roofline, "DRAM 4.80 TB/s"), (draw_levels, "DRAM 4.80 TB/s, datasheet")):
        drawn = [{text.get_text() for text in axes.findobj(Text)} for axes in draw(report).axes]
        assert [words in found for found in drawn] == [True, False], "decode stands before other phases"
    page: dict[str, Any] = dict(page_data([report]))
    assert [[gpu["name"] for gpu in of_page["others"]] for of_page in page["sets"]] == [["h200"]]
