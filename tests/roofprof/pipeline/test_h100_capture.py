"""A real capture: decode at batch 1, 64 and 128 and prefill 1x1024, FP8, one H100; ncu in two runs, nsys in three."""

import json
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from roofprof.formulas.models import Work, evaluate
from roofprof.launches.kernel_names import tile_of
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

CASES = {("decode", 1), ("decode", 64), ("decode", 128), ("prefill", 1)}
DENSE_FP8 = ("q_b_proj", "kv_b_proj", "o_proj", "shared_gate_up", "shared_down")


@pytest.fixture(scope="module")
def report(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


@pytest.fixture(scope="module")
def manifest(data: Path) -> dict[str, Any]:
    return json.loads((data / "h100-fp8/manifest.json").read_text())


def tensor_flop_count(op: OpResult) -> float:
    return sum(count or 0 for pipe, count in op.flop_by_pipe.items() if pipe.startswith("tensor_"))


def work(op: OpResult) -> Work:
    assert op.formula is not None
    return evaluate(op.formula.name, op.formula.shape)


def test_two_passes_per_kernel_in_all(manifest: dict[str, Any]) -> None:
    assert manifest["state"] == "complete"
    assert [run["passes"] for run in manifest["runs"]] == [[1]] * 4
    assert [len(group) for group in manifest["merge"]] == [2, 2]


def test_every_launch_of_both_runs_merged(report: RooflineReport) -> None:
    assert report.kernels.height == 513 + 138
    assert report.kernels["duration_ns"].null_count() == 0
    assert report.kernels["fp32_flop_count"].null_count() == 0
    assert "merge-unmatched" not in {f.kind for f in report.findings}
    assert report.unattributed.launch_count == 0


def test_every_op_of_the_layer_in_every_case(report: RooflineReport) -> None:
    assert {(op.phase, op.batch) for op in report.ops} == CASES
    assert {op.calls for op in report.ops} == {3}
    for op in report.ops:
        assert op.formula is not None, op.nvtx_path
        assert op.implementation is not None
        assert op.cache == "cold"


def test_tensor_flops_are_those_of_padded_tiles(report: RooflineReport) -> None:
    checked = 0
    for op in report.ops:
        if op.op not in DENSE_FP8 or op.formula is None:
            continue
        names = report.kernels.filter((report.kernels["op"] == op.op) & (report.kernels["report"] == op.report))
        tile = next(t for name in names["kernel_demangled_name"] if (t := tile_of(name)))
        m, n, k = (int(op.formula.shape[key]) for key in "mnk")
        assert tensor_flop_count(op) == 2 * ceil(m / tile.m) * tile.m * ceil(n / tile.n) * tile.n * k, op.nvtx_path
        checked += 1
    assert checked == 4 * 4 + 1


def test_fused_qkv_a_runs_on_18_column_tiles(report: RooflineReport) -> None:
    """2112 columns are padded to 2176 for the kernel, 17 tiles of 128, and to 18 by its cluster of two."""
    for op in report.ops:
        if op.op == "fused_qkv_a_proj" and op.formula is not None:
            m = int(op.formula.shape["m"])
            assert tensor_flop_count(op) == 2 * ceil(m / 128) * 128 * 18 * 128 * 7168


def test_grouped_gemms_pad_the_rows_of_each_expert_that_was_hit(
    report: RooflineReport, manifest: dict[str, Any]
) -> None:
    rows = {case["range_name"]: case["routing"]["rows_per_expert"] for case in manifest["cases"]}
    checked = 0
    for op in report.ops:
        if op.op in ("moe_gate_up", "moe_down") and op.formula is not None:
            per_expert = rows[op.nvtx_path[0]]
            tile = 32 if op.phase == "decode" else 128
            padded = sum(ceil(count / tile) * tile for count in per_expert)
            shape = op.formula.shape
            assert tensor_flop_count(op) == 2 * padded * int(shape["n"]) * int(shape["k"])
            assert shape["e"] == sum(count > 0 for count in per_expert)
            assert op.byte_ratio == pytest.approx(1, abs=0.03)  # the weights of the experts hit, read once
            checked += 1
    assert checked == 8


def test_the_work_ratio_is_what_executed_and_useful_give(report: RooflineReport) -> None:
    for op in report.ops:
        if op.formula and op.formula.flop_count:
            assert op.work_ratio == (op.flop_count or 0) / work(op).flop_count


def test_every_launch_has_its_kernel_in_the_trace(report: RooflineReport) -> None:
    matched = {join["report"].split("/")[-1]: join["matched_count"] for join in report.joins}
    assert matched == {"decode-cold": 513, "prefill-cold": 138}
    assert not [f for f in report.findings if f.kind == "launch-unmatched" and f.severity == "warning"]


def test_decode_has_times_eager_and_in_a_graph(report: RooflineReport) -> None:
    for op in report.ops:
        assert op.time_source == "nsys"
        assert (op.graph_union_ns is not None) == (op.phase == "decode")
    layers = {key: sum(op.share or 0 for op in report.ops if (op.phase, op.batch) == key) for key in CASES}
    assert layers == {key: pytest.approx(1) for key in CASES}


def test_no_tensor_work_went_uncounted(report: RooflineReport) -> None:
    assert [f.op for f in report.findings if f.kind == "tensor-counter-zero" and f.severity == "warning"] == []
