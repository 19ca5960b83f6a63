"""The whole analysis of real reports, against an independent reading and golden tables."""

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from roofprof.analysis.analyze import Measured, analyze
from roofprof.hardware.devices import PIPES, load_gpu
from roofprof.launches.attribution import attribute
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

KINDS = [
    "app-replay", "default-set", "graph-node", "graph-whole", "no-nvtx", "odd-names", "range-nvtx", "range-replay",
    "set-full", "set-roofline", "time-only", "two-processes",
]  # fmt: skip


def expected(data: Path) -> dict[str, dict[str, str]]:
    with (data / "h100-decode-b64-s4096-expected.csv").open() as file:
        return {row["op"]: row for row in csv.DictReader(file)}


def by_range(report: RooflineReport) -> dict[str, OpResult]:
    return {op.nvtx_path[-1].removeprefix("op."): op for op in report.ops}


def test_the_decode_layer_against_an_independent_reading(data: Path, decode: RooflineReport) -> None:
    """Executed and useful FLOPs, measured and compulsory bytes, ratios and AI of all 52 ops."""
    ours, rows = by_range(decode), expected(data)
    assert ours.keys() == rows.keys()
    assert len(rows) == 52
    for name, row in rows.items():
        op, number = ours[name], lambda key, row=row: float(row[key])
        assert op.formula is not None, name
        assert op.formula.flop_count == number("useful_flop"), name
        assert op.formula.dram_bytes == number("compulsory_bytes"), name
        assert op.formula.dram_read_bytes == number("compulsory_read_bytes"), name
        tensor = sum(op.flop_by_pipe[p] or 0 for p in PIPES if p.startswith("tensor_"))
        cores = sum(op.flop_by_pipe[p] or 0 for p in PIPES if not p.startswith("tensor_"))
        assert tensor == number("measured_tensor_flop"), name
        assert cores == number("measured_cuda_core_flop") - number("of_which_half_flop"), name
        assert op.dram_read_bytes == number("measured_dram_read_bytes"), name
        assert op.dram_write_bytes == number("measured_dram_write_bytes"), name
        assert op.dram_upper_bytes == number("dram_upper_bytes"), name
        assert len(op.kernels) == number("kernels"), name
        assert (op.duration_ns or 0) / 1e3 == pytest.approx(number("duration_us"), rel=1e-5), name
        assert op.byte_ratio == pytest.approx(number("byte_ratio"), rel=1e-5), name
        assert op.arithmetic_intensity == pytest.approx(number("measured_ai_without_half"), rel=1e-5), name
        if row["work_ratio_without_half"]:
            assert op.work_ratio == pytest.approx(number("work_ratio_without_half"), rel=1e-5), name


def test_what_makes_the_project_worth_while(decode: RooflineReport) -> None:
    op = by_range(decode)["moe_gate_up_fp8_grouped"]
    assert op.formula is not None
    assert op.formula.arithmetic_intensity == pytest.approx(8.11, abs=0.01)
    assert op.arithmetic_intensity == pytest.approx(64.1, abs=0.05)
    (padding,) = [f for f in op.findings if f.kind == "tile-padding"]
    assert padding.values["ratio"] == 7.875


def test_ratios_of_an_op_multiply_out(decode: RooflineReport) -> None:
    for op in decode.ops:
        if op.formula and op.formula.arithmetic_intensity and op.arithmetic_intensity and op.work_ratio:
            gap = op.arithmetic_intensity / op.formula.arithmetic_intensity
            assert gap == pytest.approx(op.work_ratio / (op.byte_ratio or math.nan), rel=1e-12)
        known = [c for c in op.flop_by_pipe.values() if c is not None]
        assert sum(known) == op.flop_count


def test_placement_on_the_target_and_on_the_gpu_that_ran(decode: RooflineReport) -> None:
    op = by_range(decode)["q_b_proj_bf16"]
    assert (op.bound, op.ridge_point, op.roof_source) == ("memory", pytest.approx(281.25), "projected")
    assert op.attainable_flop_per_s == pytest.approx((op.arithmetic_intensity or 0) * 8e12)
    here = op.measured_on
    assert (here.gpu, here.bound) == ("h100", "memory")
    assert here.attainable_flop_per_s == pytest.approx((op.arithmetic_intensity or 0) * 3.35e12)
    assert here.achieved_dram_bytes_per_s == pytest.approx(78369024 / 32.064e-6)
    assert here.roof_fraction == pytest.approx(78369024 / 3.35e12 / 32.064e-6)
    small = by_range(decode)["kv_write_triton"].measured_on
    assert small.bound == "latency"
    assert small.roof_fraction == pytest.approx(77824 / 3.35e12 / 2.912e-6)  # without FLOPs it has a fraction too


def test_the_fraction_at_the_clock_uses_the_dense_peak_of_the_launch(analyzed: Callable) -> None:
    report = analyzed("h100-calibration-cold.ncu-rep", gpu="same")
    (op,) = [op for op in report.ops if op.op == "gemm_bf16_4096"]
    assert report.target.name == "h100"
    assert op.roof_source == "datasheet"
    assert op.measured_on.roof_fraction == pytest.approx(0.792, abs=0.001)
    (row,) = report.kernels.filter(pl.col("op") == "gemm_bf16_4096").to_dicts()
    assert row["peak_tensor_bf16_flop_per_s"] == 540672 * row["sm_clock_hz"]
    assert op.measured_on.roof_fraction_at_clock == pytest.approx(
        row["flop_count"] / row["peak_tensor_bf16_flop_per_s"] / 175424e-9
    )


def test_words_say_what_is_projected(decode: RooflineReport, analyzed: Callable) -> None:
    assert "extrapolated to gb200" in decode.notes[0]
    assert "figures of the reference document (HGX B200); NVIDIA's for GB200: gb200-nvl72" in decode.notes[1]
    assert not any("projected" in note for note in analyzed("kinds/no-nvtx.ncu-rep", gpu="h100").notes)


def test_the_case_is_in_every_row(decode: RooflineReport) -> None:
    assert {(op.phase, op.batch, op.seq_len, op.cache) for op in decode.ops} == {("decode", 64, 4096, "cold")}


@pytest.mark.parametrize("name", KINDS)
def test_every_way_to_capture(analyzed: Callable, golden: Callable, name: str) -> None:
    """Golden tables, checked against the program that was captured: 64 Mi floats, 4 Mi doubles."""
    report: RooflineReport = analyzed(f"kinds/{name}.ncu-rep")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = ("calls", "duration_ns", "dram_read_bytes", "dram_write_bytes", "dram_bytes", "l2_bytes", "flop_count")
    table.writerow(["path", "kernels", *columns, "known_pipes", "bound", "bound_here", "findings"])
    for op in report.ops:
        known = "+".join(f"{p}={c:.0f}" for p, c in op.flop_by_pipe.items() if c is not None)
        values = ["" if (v := getattr(op, c)) is None else f"{v:.0f}" for c in columns]
        kinds = "+".join(dict.fromkeys(f.kind for f in op.findings))
        table.writerow([repr(op.nvtx_path), repr(op.kernels), *values, known, op.bound, op.measured_on.bound, kinds])
    outside = report.unattributed
    table.writerow(["unattributed", outside.launch_count, outside.duration_ns, outside.dram_bytes, outside.flop_count])
    for finding in report.findings:
        if finding.op is None:
            table.writerow(["finding", finding.kind, finding.values.get("column", "")])
    golden(f"{name}.csv", text.getvalue())


@pytest.mark.parametrize("name", ["app-replay", "set-roofline", "two-processes"])
def test_the_same_program_reads_the_same_however_captured(analyzed: Callable, name: str) -> None:
    ops = {op.op: op for op in analyzed(f"kinds/{name}.ncu-rep").ops}
    assert [ops[n].calls for n in ("scale_add", "copy", "poly")] == [3, 3, 3]
    assert ops["scale_add"].flop_by_pipe["fp32"] == 2 * (1 << 26)
    assert ops["poly"].flop_by_pipe["fp64"] == 2 * 32 * (1 << 22)
    assert ops["copy"].flop_count == 0
    assert ops["scale_add"].dram_bytes == pytest.approx(3 * 4 * (1 << 26), rel=0.03)  # writes stay in L2 in part


def test_a_chip_without_a_table_is_read_by_pattern_and_says_so(data: Path) -> None:
    from roofprof.parsers.ncu.findings import reading_findings

    launches = pl.DataFrame([{"report": "r", "workload_type": "kernel"}], schema=LAUNCH_SCHEMA)
    (finding,) = reading_findings("r", launches, {"missing": {}, "unknown_chips": {"cc13.0": 1}})
    assert (finding.kind, finding.severity) == ("chip-unknown", "doubtful")


def launch(**columns: object) -> pl.DataFrame:
    row = {"report": "r", "launch_id": 0, "workload_type": "kernel", "kernel_name": "k", "kernel_demangled_name": "k"}
    return attribute(pl.DataFrame([row | columns], schema=LAUNCH_SCHEMA))[0]


def test_a_gpu_without_a_datasheet_is_made_of_its_report() -> None:
    frame = launch(sm_clock_hz=1e9, dram_clock_hz=2e9, peak_fp32_flop_per_s=5e9, dram_peak_bytes_per_s=6e9)
    device = {"device_name": "NVIDIA X", "max_sm_clock_khz": 2_000_000, "max_dram_clock_khz": 3_000_000, "sm_count": 10}
    report = analyze([Measured("r", frame, {"0": device | {"flop_per_sm_cycle": {"tensor_fp8": 100}}}, ())], None)
    assert report.gpu.peak_flop_per_s == {"fp32": 1e10, "tensor_fp8": 100 * 10 * 2e9}
    assert report.gpu.dram_bytes_per_s == 9e9
    assert "gpu-unknown" in {f.kind for f in report.findings}


def test_reports_of_two_gpus_are_placed_each_against_its_own() -> None:
    nvtx = [{"domain": "roofprof", "push_pop": ["a"], "push_pop_id": [1], "start_end": []}]
    common = {"nvtx": nvtx, "duration_ns": 10.0, "dram_bytes": 100.0, "fp32_flop_count": 1.0}
    a = Measured("a", launch(report="a", **common), {"0": {"device_name": "NVIDIA H100 80GB HBM3"}}, ())
    b = Measured("b", launch(report="b", **common), {"0": {"device_name": "NVIDIA H200"}}, ())
    report = analyze([a, b], load_gpu("gb200"))
    assert [op.measured_on.gpu for op in report.ops] == ["h100", "h200"]
    assert "several-gpus" in {f.kind for f in report.findings}


def test_the_case_comes_from_the_range_round_the_layer() -> None:
    path = ["decode:case:b64:s4096", "q_a_layernorm:rmsnorm:m64:d1536"]
    nvtx = [{"domain": "roofprof", "push_pop": path, "push_pop_id": [1, 2], "start_end": []}]
    report = analyze([Measured("r", launch(nvtx=nvtx, duration_ns=1.0), {}, ())], load_gpu("gb200"))
    (op,) = report.ops
    assert (op.op, op.phase, op.batch, op.seq_len) == ("q_a_layernorm", "decode", 64, 4096)
    assert op.formula is not None
    assert op.formula.flop_count == 4 * 64 * 1536
    assert (op.dram_bytes, op.arithmetic_intensity, op.byte_ratio, op.bound) == (None, None, None, None)
