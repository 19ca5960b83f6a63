"""`roofprof selfcheck DIR`: verdict, table, exit code, and what analyze makes of them."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from roofprof.cli import run
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.selfcheck.expected import Expected


@pytest.fixture
def captured(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A self-check's directory made of the bundled calibration, whose counts stand in a file and not in its ranges."""
    folder = tmp_path / "selfcheck"
    (folder / "ncu").mkdir(parents=True)
    shutil.copy(data / "h100-calibration-cold.ncu-rep", folder / "ncu" / "c.ncu-rep")
    run_entry = {"name": "core", "phase": "workload", "cache": "cold", "report": "ncu/c.ncu-rep", "state": "complete"}
    manifest = {
        "schema_version": 1, "state": "complete", "runs": [run_entry], "merge": [["ncu/c.ncu-rep"]], "cases": [],
        "versions": {"ncu": "2025.3.1.0", "driver": "580.65.06"}, "created": "2026-11-22T00:00:00+00:00",
        "chip": "gh100",
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "calibration.json").write_text(json.dumps({"skipped": {"gemm_int8": "none here"}, "untested": None}))
    expected_by_range = {"empty": Expected("empty")}
    with (data / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            pipe, _, count = row["flop_by_pipe"].partition("=")
            if pipe and row["relation"] == "exact":
                expected_by_range[row["range"]] = Expected(row["range"], pipe, float(count))
    monkeypatch.setattr("roofprof.pipeline.selfcheck.expected_in", lambda launches: expected_by_range)
    return folder


def test_verified_counters_pass(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["selfcheck", str(captured)]) == 0
    out = capsys.readouterr().out
    assert "verified: all exact or within their limits" in out
    assert "not run: gemm_int8: none here" in out
    assert "137,438,953,472" in out
    assert "an empty kernel takes 2.72 to 2.72 µs and moves 4,096 to 4,096 bytes" in out
    saved = json.loads((captured / "selfcheck.json").read_text())
    assert (saved["passed"], saved["ncu"], saved["driver"]) == (True, "2025.3.1.0", "580.65.06")


def test_a_counter_that_fails_is_named_and_its_figures_marked(
    captured: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"empty": Expected("empty"), "gemm_bf16_4096": Expected("gemm_bf16_4096", "tensor_bf16", 1.0)}
    monkeypatch.setattr("roofprof.pipeline.selfcheck.expected_in", lambda launches: wrong)
    assert run(["selfcheck", str(captured)]) == 1
    assert "wrong: tensor_bf16_flop_count (sm__ops_path_tensor_src_bf16_dst_fp32.sum)" in capsys.readouterr().out
    assert run(["selfcheck", "--json", str(captured)]) == 1
    assert json.loads(capsys.readouterr().out)["failed_counters"] == ["tensor_bf16_flop_count"]
    report = analyze_files(AnalyzeRequest([captured], "same"))
    marked = {f.op for f in report.findings if f.kind == "counter-failed-selfcheck"}
    assert marked == {"gemm_bf16_4096", "gemm_bf16_1000x1001x1003", "gemm_bf16_m1_7168x2112"}
    assert "below-floor" in {f.kind for f in report.findings}


def test_what_holds_no_known_kernel_is_refused(captured: Path, capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("roofprof.pipeline.selfcheck.expected_in", lambda launches: {})
    assert run(["selfcheck", str(captured)]) == 1
    assert "no kernel with expected counts" in capsys.readouterr().err
    assert run(["selfcheck", str(captured), "--capture-only"]) == 2
