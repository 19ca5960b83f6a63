"""What outputs make of an analysis over ranks: made-up ranks here, so that every figure is known."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from matplotlib.patches import Rectangle
from tiny_report import tiny_report

import roofprof
from roofprof.advice.answer import answers_of
from roofprof.advice.reasons import reasons_of
from roofprof.hardware.devices import load_gpu
from roofprof.reports.html.data import page_data
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.outputs.registry import analysis_outputs, write_folder
from roofprof.reports.plots.links import draw_links, has_links
from roofprof.reports.tables.answer import print_answers
from roofprof.reports.tables.ranks import collective_table
from roofprof.results.op_groups import RankCall
from roofprof.results.report import RooflineReport

REDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL"


def rank_file(path: Path, sent: float) -> Path:
    metrics = {"gpu__time_duration.sum": 5e4, "nvltx__bytes_data_user.sum": sent, "dram__bytes_read.sum": 1e6}
    path.write_bytes(tiny_report([("gemm", metrics), (REDUCE, metrics)]))
    return path


@pytest.fixture
def report(tmp_path: Path) -> RooflineReport:
    """Two ranks; the all-reduce took 400 µs on rank 0, which waited 300 of them for rank 1."""
    files = [rank_file(tmp_path / f"r{rank}.ncu-rep", 30e6) for rank in range(2)]
    made = roofprof.analyze(*files, ranks=True, gpu="same").data
    gemm, reduce = made.ops
    call = RankCall(call=0, wait_ns=300e3, straggler_rank=1, duration_ns=[400e3, 100e3])
    shares = [replace(share, duration_ns=ns) for share, ns in zip(reduce.ranks, (400e3, 100e3), strict=True)]
    reduce = replace(
        reduce, nsys_union_ns=400e3, time_source="nsys", wait_ns=300e3, straggler_rank=1, rank_calls=[call],
        ranks=shares, link_bytes_per_s=300e9, link_bytes_formula=29e6,
    )  # fmt: skip
    assert made.ranks is not None
    layer = replace(made.ranks.layers[0], duration_ns=[450e3, 150e3], slowest_rank=0)
    return replace(made, gpu=load_gpu("h200"), ops=[gemm, reduce], ranks=replace(made.ranks, layers=[layer]))


def screen(report: RooflineReport, width: int) -> str:
    out = io.StringIO()
    print_answers(report, answers_of(report), out, width)
    return out.getvalue()


def test_every_file_format_is_written(report: RooflineReport, tmp_path: Path) -> None:
    for suffix in ("html", "md", "csv", "json", "parquet", "svg"):
        written = roofprof.Report(report, "made").save(tmp_path / f"r.{suffix}")
        assert written.stat().st_size > 100
    found: Any = page_data([report])["ops"]["ranks"]
    assert [share["duration_ns"] for share in found[1]] == [400e3, 100e3]


def test_the_document_puts_collectives_where_the_link_binds(report: RooflineReport) -> None:
    reduce = replace(
        report.ops[1], measured_on=replace(report.ops[1].measured_on, bound="communication", roof_fraction=0.5)
    )
    text = render_markdown([replace(report, ops=[report.ops[0], reduce])])
    assert "communication-bound" in text.split("## Hardware")[0]
    assert "### Communication-Bound Kernels" in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_tells_ranks_and_waits(report: RooflineReport, width: int) -> None:
    lines = screen(report, width).splitlines()
    assert "2 ranks   slowest rank 0: 450 µs   fastest rank 1: 150 µs" in lines
    head = next(line for line in lines if line.startswith("collective"))
    assert head.split() == ["collective", "sent", "formula", "ratio", "µs", "wait", "µs", "late", "GB/s", "of", "link"]
    row = lines[lines.index(head) + 1]
    assert row.split()[1:6] == ["30.0", "MB", "29.0", "MB", "1.03"]
    assert row.split()[-5:] == ["rank", "1", "300", "67", "%"]
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("idle_ns", "which"), [(None, "rank 1"), (290e3, "idle rank 1"), (10e3, "busy rank 1")])
def test_a_wait_is_for_an_idle_rank_or_a_busy_one(report: RooflineReport, idle_ns: float | None, which: str) -> None:
    measured_on = replace(report.ops[1].measured_on, gpu="h200")
    reduce = replace(report.ops[1], straggler_idle_ns=idle_ns, measured_on=measured_on).placed(report.gpu, report.gpu)
    alone = replace(report, ops=[reduce])
    assert [reason.why for reason in reasons_of(alone, [reduce])] == [f"waits 300 µs for {which}"]
    assert ("idle, busy: " in screen(alone, 80)) is (idle_ns is not None)


def test_the_layer_in_a_graph_is_the_slowest_ranks(report: RooflineReport) -> None:
    assert report.ranks is not None
    (layer,) = report.ranks.layers
    for times, told in (([90e3, 110e3], True), ([90e3, None], False), ([], False)):
        ranks = replace(report.ranks, layers=[replace(layer, graph_duration_ns=times)])
        found = re.findall(r"in a CUDA graph: ([\d.]+ µs)", screen(replace(report, ranks=ranks), 100))
        assert found == (["110 µs"] if told else [])


def test_page_and_document_have_the_table_of_collectives_too(report: RooflineReport) -> None:
    row = [REDUCE[:12] + "…" + REDUCE[-7:], "30.0 MB", "29.0 MB", "1.03", "400", "300", "rank 1", "300", "67 %"]
    cases: Any = page_data([report])["cases"]
    (made,) = [case["collectives"] for case in cases if case["collectives"]]
    assert made[1] == row
    text = render_markdown([report])
    assert "4 ranks" not in text
    assert "2 ranks; slowest rank 0: 450 µs; fastest rank 1: 150 µs." in text
    assert f"| `{row[0]}` | {' | '.join(row[1:])} |" in text


def test_a_collective_whose_bytes_nobody_counted_has_its_waits(report: RooflineReport) -> None:
    """Without any formula there are no columns of it."""
    reduce = replace(report.ops[1], link_tx_bytes=None, link_bytes_formula=None)
    heads, row = collective_table([report.ops[0], reduce], report)
    assert heads == ["collective", "sent", "µs", "wait µs", "late", "GB/s", "of link"]
    assert row[1:5] == ["—", "400", "300", "rank 1"]


def test_one_gpu_has_no_table_of_collectives(tmp_path: Path) -> None:
    report = roofprof.analyze(rank_file(tmp_path / "one.ncu-rep", 1e6)).data
    cases: Any = page_data([report])["cases"]
    assert [case["collectives"] for case in cases] == [[]]
    assert "**Ranks" not in render_markdown([report])


def test_missing_ranks_stand_in_the_head(report: RooflineReport) -> None:
    assert report.ranks is not None
    lacking = replace(report, ranks=replace(report.ranks, count=4, missing=[1, 3]))
    assert "2 of 4 ranks (without ranks 1, 3)" in screen(lacking, 100)


def test_shares_are_of_the_slowest_ranks_time(report: RooflineReport) -> None:
    (answer,) = answers_of(report)
    assert answer.time_ns == 450e3
    assert sorted(row.share or 0 for row in answer.rows) == pytest.approx([50 / 450, 400 / 450])


def test_launches_are_a_dataset_of_ranks(report: RooflineReport, tmp_path: Path) -> None:
    paths = write_folder(analysis_outputs(), [report], tmp_path / "out")
    assert [p for p in paths if "launches" in p.parts] == [
        tmp_path / f"out/launches/rank={rank:03d}/part-0.parquet" for rank in range(2)
    ]
    scanned = pl.scan_parquet(tmp_path / "out/launches", hive_partitioning=True)
    sums = scanned.group_by("rank").agg(pl.col("link_tx_bytes").sum(), pl.len()).sort("rank").collect()
    assert sums.rows() == [(0, 60e6, 2), (1, 60e6, 2)]


def test_one_report_makes_no_dataset(tmp_path: Path) -> None:
    report = roofprof.analyze(rank_file(tmp_path / "one.ncu-rep", 1e6)).data
    write_folder(analysis_outputs(), [report], tmp_path / "out")
    assert not (tmp_path / "out/launches").exists()


def test_links_are_drawn_where_they_are_known(report: RooflineReport, tmp_path: Path) -> None:
    assert has_links(report)
    assert not has_links(replace(report, gpu=replace(report.gpu, nvlink_bytes_per_s=None)))
    bars, roof = draw_links(report).axes
    assert [bar.get_width() for bar in bars.patches if isinstance(bar, Rectangle)] == pytest.approx([300.0])
    words = [text.get_text() for text in bars.texts]
    assert "300 GB/s, 67 %; waits 300 µs for rank 1" in words
    assert "link 450 GB/s " in words
    assert roof.get_xlabel() == "FLOP per byte sent"


@pytest.mark.parametrize(("fraction", "won_ns"), [(0.125, 50e3), (0.5, 0)])
def test_what_is_reachable_is_of_the_slowest_ranks_time(report: RooflineReport, fraction: float, won_ns: float) -> None:
    """The all-reduce is 300 µs longer on the other rank: a layer of 150 µs does not win those, and loses none."""
    assert report.ranks is not None
    layer = replace(report.ranks.layers[0], duration_ns=[50e3, 150e3], slowest_rank=1)
    gemm, reduce = (
        replace(op, measured_on=replace(op.measured_on, roof_fraction=own))
        for op, own in zip(report.ops, (0.6, fraction), strict=True)
    )
    (answer,) = answers_of(replace(report, ops=[gemm, reduce], ranks=replace(report.ranks, layers=[layer])))
    assert answer.headroom_ns == pytest.approx(20e3 + won_ns)
    assert answer.time_ns == 150e3


def test_a_missing_rank_fits_the_terminal(report: RooflineReport) -> None:
    assert report.ranks is not None
    layer = replace(report.ranks.layers[0], duration_ns=[None] * 9, slowest_rank=None)
    ranks = replace(report.ranks, count=9, missing=list(range(2, 9)), layers=[layer])
    reduce = replace(report.ops[1], time_source="ncu", nsys_union_ns=None)
    gemm = replace(report.ops[0], measured_on=replace(report.ops[0].measured_on, bound="memory"))
    text = screen(replace(report, ops=[gemm, reduce], ranks=ranks), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "of 50.0 µs known" in text, "shares are of what is known alone"


def test_the_page_names_the_slowest_rank(report: RooflineReport) -> None:
    data: Any = page_data([report])
    (answer,) = data["cases"]
    assert answer["head"][-3:] == ["2 ranks", "slowest rank 0: 450 µs", "fastest rank 1: 150 µs"]
