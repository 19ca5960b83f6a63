"""Published figures beside our roof: shapes read, our floor and the file's own, nothing above without a reason."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from roofprof.cli import app, run
from roofprof.errors import ReportError
from roofprof.formulas.published import COLUMNS, UNITS, PublishedFigure, read_published
from roofprof.formulas.published_check import CheckedFigure, above_roof, check_published, gpu_of
from roofprof.formulas.published_work import NO_FORMULA, PRECISIONS, NoWork, published_work
from roofprof.hardware.roofline import Roofs, place

GEMM = PublishedFigure("1", "gemm", "m128 n256 k512", "bf16", "B200", 5.0, "us", "measured", "", "a paper")

OTHER_FLOOR = {
    "8": "its FP4 peak at 1.5 GHz is scaled from 1.965 GHz; a report's 32768 FLOP per SM and cycle give 6 % more",
    "10": "as 8",
    "69": "its bytes leave out the activations", "70": "as 69", "71": "as 69", "72": "as 69",
    "98": "our FP8 output has its block scales",
}  # fmt: skip
"""Rows whose floor means something else there, and what."""


@pytest.fixture(scope="module")
def figures(root: Path) -> list[PublishedFigure]:
    return read_published(root / "docs/blackwell-figures.csv")


@pytest.fixture(scope="module")
def checked(figures: list[PublishedFigure]) -> dict[str, CheckedFigure]:
    return {row.published.id: row for row in check_published(figures)}


def test_every_row_has_a_roof_or_a_reason(checked: dict[str, CheckedFigure]) -> None:
    assert len(checked) == 112
    assert all((row.of_roof is None) is bool(row.reason) for row in checked.values())
    assert [i for i, row in checked.items() if row.reason == NO_FORMULA] == []
    without = {i for i, row in checked.items() if row.of_roof is None}
    assert without == {*map(str, range(73, 81)), "92", "93"}


def test_nothing_lies_above_our_roof_without_a_reason(checked: dict[str, CheckedFigure]) -> None:
    over = {i: row for i, row in checked.items() if row.of_roof and row.of_roof > 1}
    assert [i for i, row in over.items() if above_roof(row)] == ["112"]
    assert all(row.notes for row in over.values())
    assert "above the roof: the clock is rounded, or rose while it ran" in over["112"].notes
    assert {"1", "2", "3", "7", "9", "11", "12", "13", "14"} == over.keys() - {"112"}
    assert all("a roof itself" in " ".join(row.notes) for i, row in over.items() if i != "112")


def test_our_floor_is_the_files_own(root: Path, checked: dict[str, CheckedFigure]) -> None:
    """At the file's 7.68 TB/s; it has 7.68 for the B300 too, whose sheet says 8."""
    with (root / "docs/blackwell-figures.csv").open(encoding="utf-8") as file:
        floors = {row["id"]: row["floor_us_at_7.68TB/s_and_dense_peak"] for row in csv.DictReader(file)}
    compared = 0
    for number, row in checked.items():
        if not floors[number] or row.least_time_s is None:
            continue
        gpu = gpu_of(row.published.gpu)
        assert gpu
        work, _ = published_work(row.published)
        floor = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs(gpu.peak_flop_per_s, 7.68e12)).bound_time_s
        assert floor
        same = floor * 1e6 == pytest.approx(float(floors[number]), rel=0.01)
        if row.published.clock_hz and number in OTHER_FLOOR:
            assert row.bound == "compute"
            continue
        assert same is (number not in OTHER_FLOOR), (number, floor, floors[number])
        compared += 1
    assert compared == 80


@pytest.mark.parametrize(
    ("op", "shape", "dtype", "flop_count", "dram_bytes"),
    [
        ("gemm", "m8 n16 k32", "mxfp4", 2 * 8 * 16 * 32, (8 + 16) * 32 * 0.53125 + 8 * 16 * 2),
        ("gemv", "m1 n16 k32", "bf16", 2 * 16 * 32, 2 * (32 + 16 * 32 + 16)),
        ("dual_gemm", "m8 n16 k32", "bf16", 4 * 8 * 16 * 32, 2 * (8 * 32 + 2 * 16 * 32 + 8 * 16)),
        ("group_gemm", "groups 2 n16 k32 m=3+5", "bf16", 2 * 8 * 16 * 32, 2 * (8 * 32 + 2 * 16 * 32 + 8 * 16)),
        ("rms_norm", "16x32", "bf16", 4 * 16 * 32, 2 * (16 * 32 * 2 + 32)),
        ("rmsnorm + fp8 quant", "16x128", "fp8", 4 * 16 * 128, 16 * 128 * 2 + 256 + 16 * 128 + 4 * 16),
        ("relu", "2^10 fp16", "fp16", 0, 4 * 1024),
        ("nvfp4 cast rowwise", "16x32", "nvfp4", 3 * 16 * 32, 16 * 32 * 2.5625),
        ("mla_decode CUTLASS", "128 heads, b2 s3", "bf16", 2 * 2 * 128 * 3 * 1088,
         2 * (2 * 3 * 576 + 2 * 128 * 576 + 2 * 128 * 512)),
        ("fused_moe gate_up", "T1 H32 I16 2 of 16 experts top8 (EP8)", "bf16", 6 * 32 * 16, 2 * 3 * 16 * 32 + 136),
    ],
)  # fmt: skip
def test_each_kind_of_shape_is_read(op: str, shape: str, dtype: str, flop_count: float, dram_bytes: float) -> None:
    work, _ = published_work(replace(GEMM, op=op, shape=shape, dtype=dtype))
    assert (work.flop_count, work.dram_bytes) == (pytest.approx(flop_count), pytest.approx(dram_bytes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shape": "m128 n256"}, "the shape states no k"),
        ({"shape": "m0 n256 k4"}, "the shape states no m"),
        ({"shape": "m999999999999 n999999999999 k4", "op": "rms_norm"}, None),
        ({"op": "group_gemm", "shape": "groups 3 n16 k32 m=3+5"}, "no m of each group"),
        ({"op": "fused_moe", "shape": "T1 H32 I16 32 of 16 experts top8"}, "states no experts"),
        ({"op": "mamba_scan"}, "no formula yet"),
        ({"op": "gqa_decode", "shape": "b1 s64 d64"}, "no heads of queries and keys"),
        ({"op": "gqa_decode", "shape": "b1 s64 heads 8/2"}, "the shape states no d"),
        ({"op": "gqa_prefill fa4", "shape": "b1 s64 heads 8/2 d64"}, None),
        ({"dtype": "int3"}, "no formula yet for int3"),
        ({"shape": "shape not stated"}, "no shape is stated"),
    ],
)
def test_what_cannot_be_read_has_its_reason(changes: dict[str, str], why: str | None) -> None:
    if why is None:
        assert published_work(replace(GEMM, **changes))[0].dram_bytes > 0
        return
    with pytest.raises(NoWork, match=why):
        published_work(replace(GEMM, **changes))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("B200@1.5GHz", "b200"), ("B200 (issue says Blackwell only)", "b200"), ("GB200 NVL72", "gb200-nvl72"),
        ("GB200", "gb200-nvl72"), ("RTX PRO 6000 SE", "rtx-pro-6000-server"), ("H100", "h100"),
        ("RTX 5090", "rtx-5090"),
        ("SM100 (model not stated)", None), ("Blackwell", None), ("B20", None),
    ],
)  # fmt: skip
def test_a_published_gpu_means_one_sheet_or_none(text: str, name: str | None) -> None:
    found = gpu_of(text)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("figure", "unit", "above"),
    [
        (5.0, "us", False), (5000.0, "ns", False), (1.0, "ns", True), (100.0, "TFLOP/s", False), (1.0, "PFLOP/s", True),
        (50.0, "GB/s", False), (9.0, "TB/s", True),
    ],
)  # fmt: skip
def test_a_figure_that_cannot_be_has_a_likely_reason(figure: float, unit: str, above: bool) -> None:
    """The GEMM moves 459 kB, 60 ns, for 33.6 MFLOP."""
    (row,) = check_published([replace(GEMM, figure=figure, unit=unit)])
    assert row.least_time_s == pytest.approx(459e3 / 7.672e12, rel=1e-2)
    assert above_roof(row) is above
    assert any(note.startswith("above the roof: ") for note in row.notes) is above


def test_a_clock_scales_the_compute_roof_alone() -> None:
    big = replace(GEMM, shape="m8192 n8192 k8192", figure=1000.0)
    full, slow = check_published([replace(big, gpu="B200@1.0GHz"), big])
    assert slow.of_roof is not None
    assert full.of_roof
    assert slow.of_roof / full.of_roof == pytest.approx(1.856)
    assert "roof at another clock: 1.00 GHz" in slow.notes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no column id"),
        ("id,op\n1,gemm\n", "has no column shape, dtype, gpu, figure, unit, source"),
        (",".join(COLUMNS) + "\n", "holds no figures"),
        (",".join(COLUMNS) + "\n1,gemm,m1 n1 k1,bf16,B200,fast,us,x\n", "line 2: figure = 'fast': expected a positive"),
        (",".join(COLUMNS) + "\n1,gemm,m1 n1 k1,bf16,B200,0,us,x\n", "line 2: figure = '0'"),
        (",".join(COLUMNS) + "\n1,gemm,m1 n1 k1,bf16,B200,nan,us,x\n", "line 2: figure = 'nan'"),
        (
            ",".join(COLUMNS) + "\n1,gemm,m1 n1 k1,bf16,B200,5,parsecs,x\n",
            "line 2: unit = 'parsecs': expected one",
        ),
        (",".join(COLUMNS) + "\n1,gemm\n", "line 2: figure = ''"),
        (",".join(COLUMNS) + '\n1,"gemm\n', "is not a CSV table"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(text)
    with pytest.raises(ReportError, match=why):
        read_published(path)
    assert run(["ops", "--check", str(path)]) == 1


def test_above_the_roof_comes_first_then_the_farthest_below(checked: dict[str, CheckedFigure]) -> None:
    fractions = [row.of_roof for row in checked.values() if row.of_roof is not None and not above_roof(row)]
    assert fractions == sorted(fractions)
    kinds = [2 if row.of_roof is None else 1 - above_roof(row) for row in checked.values()]
    assert kinds == sorted(kinds)


SHAPES = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"m\d{1,13} n\d{1,13} k\d{1,13}", fullmatch=True),
    st.from_regex(r"(groups \d{1,3} n\d{1,5} k\d{1,5} m=\d{1,5}(\+\d{1,5}){0,3})", fullmatch=True),
    st.from_regex(r"T\d{1,13} H\d{1,5} I\d{1,5} \d{1,4} of \d{1,4} experts top\d{1,3}", fullmatch=True),
    st.from_regex(r"\d{1,13}x\d{1,13}|2\^\d{1,3}|ep\d{1,3} T\d{1,5}|\d{1,3} heads, b\d{1,4} s\d{1,6}", fullmatch=True),
)
OPS = st.sampled_from(
    ["gemm", "dual_gemm", "group_gemm", "fused_moe x", "mla_decode", "relu", "rms_norm", "rmsnorm + fp8 quant",
     "nvfp4 quant", "silu_and_mul + nvfp4 quant", "ep_dispatch", "all_reduce", "", "gemm("]
)  # fmt: skip


@given(OPS, SHAPES, st.sampled_from([*PRECISIONS, "int3", ""]), st.sampled_from([*UNITS]), st.floats(1e-90, 1e90))
def test_whatever_stands_in_a_row_it_has_a_fraction_or_a_reason(
    op: str, shape: str, dtype: str, unit: str, figure: float
) -> None:
    row = replace(GEMM, op=op, shape=shape, dtype=dtype, unit=unit, figure=figure, gpu="B200@1.5GHz")
    (checked,) = check_published([row])
    assert (checked.of_roof is None) is bool(checked.reason)
    assert checked.of_roof is None or checked.of_roof >= 0
    assert checked.of_roof is None or checked.of_roof <= 1 or checked.notes


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_a_table_or_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, text: str, heading: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "figures.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{text}" if heading else text, encoding="utf-8", errors="replace")
    try:
        said = f"{path}: {len(read_published(path))} figures"
    except ReportError as error:
        said = error.message
    assert "figures.csv" in said


def test_the_command_prints_and_gives_json(root: Path) -> None:
    file = str(root / "docs/blackwell-figures.csv")
    text = CliRunner().invoke(app, ["ops", "--check", file]).output
    assert max(map(len, text.splitlines())) <= 80
    assert "102 of 112 figures are held against a roof; above it: 1." in text
    assert "without: no formula yet" not in text
    document = json.loads(CliRunner().invoke(app, ["ops", "--check", file, "--json"]).output)
    assert document["source"] == "formula"
    assert document["figures"][0]["published"]["id"] == "112"
    assert all(row["source"] == "formula" for row in document["figures"])


def test_a_missing_file_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ops", "--check", "nowhere.csv"]) == 1
    assert capsys.readouterr().err.startswith("error: cannot read nowhere.csv: ")
