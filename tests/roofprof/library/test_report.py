"""`rp.analyze`, `rp.load` and `rp.diff` in a script."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import roofprof as rp
from roofprof.errors import RoofprofError, UsageError


@pytest.fixture(scope="module")
def report(data: Path) -> rp.Report:
    return rp.analyze(data / "h100-fp8", gpu="same")


def test_strings_and_paths_alike(data: Path, tmp_path: Path, report: rp.Report) -> None:
    path = tmp_path / "report.json"
    report.save(path)
    assert path.read_text().rstrip() == report.to_json()
    for again in (rp.load(path), rp.load(str(path)), rp.load(str(tmp_path)), rp.analyze(str(path))):
        assert again.to_json() == report.to_json()
    assert rp.load(str(data / "kinds/set-roofline.ncu-rep"), gpu="h200").target.name == "h200"
    with pytest.raises(RoofprofError, match="gone"):
        rp.load(tmp_path / "gone")


def test_frames(report: rp.Report) -> None:
    assert isinstance(report.ops, pl.DataFrame)
    assert report.ops.height == len(report.rows) == len(report.data.ops)
    assert report.ops["op"].to_list() == [row.op for row in report.rows]
    assert report.kernels.height == report.data.kernels.height
    assert report.findings is report.data.findings


def test_ops_go_to_pandas(report: rp.Report) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    assert report.to_pandas().shape == report.ops.shape


def test_filter_leaves_the_report_alone(report: rp.Report) -> None:
    before = report.ops.height
    some = report.filter("^moe_", phase="decode", batch=64, cache="cold")
    assert 0 < some.ops.height < 12
    assert set(some.ops["batch"]) == {64}
    assert some.ops["op"].str.starts_with("moe_").all()
    assert report.filter(batch=7).ops.height == 0
    assert report.ops.height == before
    with pytest.raises(UsageError):
        report.filter("(")


def test_notebooks_get_a_table_and_a_picture(report: rp.Report) -> None:
    assert len(repr(report)) < 200
    assert "137 ops" in repr(report).replace(str(len(report.rows)), "137")
    part = report._repr_html_()
    assert part.count("<tr>") == 21
    assert "data:image/svg+xml;base64," in part
    assert "and " in part
    assert "<script" not in part


@pytest.mark.parametrize("name", ["odd-names", "time-only", "graph-whole", "two-processes"])
def test_reports_of_others_show_themselves(data: Path, name: str) -> None:
    found = rp.analyze(data / f"kinds/{name}.ncu-rep")
    assert "<img" in found._repr_html_()
    change = rp.diff(found, found)
    assert "<img" in change._repr_html_()
    assert set(change.verdicts) <= {"within", "inconclusive"}


def test_files(report: rp.Report, tmp_path: Path) -> None:
    decode = report.filter("moe_", phase="decode")
    for name in ("r.html", "r.md", "r.csv", "r.parquet", "r.svg"):
        assert decode.save(tmp_path / name).stat().st_size
    assert decode.to_html(str(tmp_path / "page")).read_text().lstrip().lower().startswith("<!doctype html>")
    assert decode.plot(tmp_path / "r.png").axes
    assert (tmp_path / "r.png").exists()
    assert pl.read_parquet(tmp_path / "r.parquet").height == len(decode.rows)
    with pytest.raises(UsageError):
        decode.save(tmp_path / "r.doc")


def test_a_table_per_case(report: rp.Report, tmp_path: Path) -> None:
    paths = report.to_parquet(tmp_path / "tables")
    assert [path.name for path in paths] == [
        "ops-decode-batch-1-kv-length-4096-cold-cache.parquet",
        "ops-decode-batch-64-kv-length-4096-cold-cache.parquet",
        "ops-decode-batch-128-kv-length-4096-cold-cache.parquet",
        "ops-prefill-batch-1-new-tokens-1024-cold-cache.parquet",
        "kernels.parquet",
    ]
    tables = pl.read_parquet(tmp_path / "tables/ops-*.parquet")
    assert tables.schema == report.ops.schema
    key = ["phase", "batch", "op", "implementation", "duration_ns"]
    assert tables.sort(key).equals(report.ops.sort(key))
    assert pl.read_parquet(paths[-1]).height == report.kernels.height
    (empty, _) = report.filter(batch=7).to_parquet(tmp_path / "none")
    assert pl.read_parquet(empty).height == 0


def test_hostile_cases_stay_in_their_folder(report: rp.Report, tmp_path: Path) -> None:
    ops = [replace(row, phase=f"../../{number}/x") for number, row in enumerate(report.rows[:2])]
    paths = rp.Report(replace(report.data, ops=ops), "hostile").to_parquet(tmp_path / "tables")
    assert {path.parent for path in paths} == {tmp_path / "tables"}
    assert len(set(paths)) == 3


def test_diff(report: rp.Report, tmp_path: Path, data: Path) -> None:
    a, b = report.filter(phase="decode", batch=64), report.filter(phase="decode", batch=128)
    change = rp.diff(a, b)
    assert sum(change.verdicts.values()) == change.ops.height == len(a.rows)
    known = change.ops.drop_nulls("work_factor")
    product = known["work_factor"] * known["byte_factor"] * known["efficiency_factor"]
    assert product.to_list() == pytest.approx((known["b_time_ns"] / known["a_time_ns"]).to_list())
    assert change.gate("time").exit_code == 1
    assert "gate 3 % on time: failed" in change.to_markdown("time")
    assert change.save(tmp_path / "diff.html").exists()
    assert change.plot(tmp_path / "diff.png").axes
    assert "data:image/svg+xml" in change._repr_html_()
    assert len(repr(change)) < 200
    path = a.save(tmp_path / "a.json")
    assert rp.diff(str(path), path).verdicts == {"within": len(a.rows)}
    trace = data / "h100-fp8/nsys/decode-eager.sqlite"
    assert rp.diff(trace, a, only="^topk$").ops["op"].to_list().count("topk") == 3
