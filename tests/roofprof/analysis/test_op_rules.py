"""Findings: each rule on the numbers that it is about."""

from typing import Any

import polars as pl
import pytest

from roofprof.analysis.launch_rules import launch_findings, unexplained_tensor_cycles
from roofprof.analysis.op_facts import OpFacts
from roofprof.analysis.op_roofline import References
from roofprof.analysis.op_rules import explain
from roofprof.findings import Finding
from roofprof.formulas.models import Work
from roofprof.formulas.ops_file import CaseConditions
from roofprof.hardware.devices import PIPES, load_gpu
from roofprof.launches.measured_work import with_measured_work
from roofprof.launches.ranges import NamedRange
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.results.op_groups import MeasuredOn
from roofprof.results.report import RooflineReport

WORK = Work(1000.0, {"in": 8e6}, {"out": 2e6}, "tensor_fp8")
ROW: dict[str, Any] = {
    **{f"{pipe}_flop_count": None for pipe in PIPES}, "tensor_fp8_flop_count": 1000.0, "fp32_flop_count": 0.0,
    "report": "r", "mufu_count": 0.0, "dram_read_bytes": 8e6, "dram_write_bytes": 2e6, "l2_write_bytes": 2e6,
    "passed_on_bytes": None,
}  # fmt: skip


def explained(
    names: tuple[str, ...] = ("gemm",), work: Work = WORK, cache: str | None = "cold", **row: Any
) -> list[Finding]:
    named = NamedRange("o", "gemm", {}, work, CaseConditions(cache=cache))
    here = MeasuredOn(
        gpu="h100", bound=None, ridge_point=None, attainable_flop_per_s=None, achieved_flop_per_s=None,
        achieved_dram_bytes_per_s=None, roof_fraction=None, roof_fraction_at_clock=None, sm_clock_hz=None,
    )  # fmt: skip
    references = References(load_gpu("h100"), load_gpu("h100"))
    return explain(OpFacts(ROW | row, named, list(names), here, "ncu", references))


def kinds(**changes: Any) -> list[str]:
    return [f.kind for f in explained(**changes)]


def test_a_row_as_the_formula_says_needs_no_explanation() -> None:
    assert kinds() == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"tensor_fp8_flop_count": 8000.0}, "tile-padding"),
        ({"tensor_fp8_flop_count": 500.0}, "work-below-formula"),
        ({"names": ["nvjet_splitK_TNT", "splitKreduce_kernel"]}, "split-k"),
        ({"names": ["a", "b"], "l2_write_bytes": 4e6, "dram_write_bytes": 4e6}, "intermediates"),
        ({"dram_read_bytes": 12e6}, "re-reads"),
        ({"dram_read_bytes": 4e6}, "l2-resident"),
        ({"dram_write_bytes": 0.0}, "write-back"),
        ({"dram_write_bytes": 4e6}, "carried-over-writes"),
        ({"work": Work(0, {"in": 8e6}, {"out": 2e6}), "fp32_flop_count": 5.0}, "flop-convention"),
        ({"work": Work(10, {"in": 8e6}, {"out": 2e6}), "fp32_flop_count": 5.0}, "flop-convention"),
        ({"work": Work(0, {"in": 10e3}, {"out": 2e6}), "dram_read_bytes": 30e3}, "kernel-code"),
    ],
)
def test_each_reason_has_its_finding(changes: dict[str, Any], kind: str) -> None:
    assert kind in kinds(**changes)


def test_padding_compares_the_tensor_pipes_alone() -> None:
    assert kinds(fp32_flop_count=5000.0) == []


def test_reads_missing_under_a_cold_cache_are_doubtful() -> None:
    severities = {cache: explained(dram_read_bytes=4e6, cache=cache)[0].severity for cache in ("cold", "warm", None)}
    assert severities == {"cold": "doubtful", "warm": "info", None: "info"}


def test_unknown_bytes_explain_nothing() -> None:
    assert kinds(dram_read_bytes=None, dram_write_bytes=None, l2_write_bytes=None, tensor_fp8_flop_count=None) == []


def kinds_in(report: RooflineReport, name: str) -> set[str]:
    (op,) = [op for op in report.ops if op.nvtx_path[-1] == f"op.{name}"]
    return {f.kind for f in op.findings}


@pytest.mark.parametrize(
    ("op", "expected", "absent"),
    [
        ("q_b_proj_fp8_cutlass", {"tile-padding"}, {"re-reads", "split-k"}),
        ("o_proj_bf16", {"split-k"}, {"tile-padding", "re-reads"}),
        ("q_b_proj_bf16", set(), {"tile-padding", "re-reads", "split-k", "tensor-counter-zero"}),
        ("mla_decode_torch", {"re-reads", "intermediates"}, {"tile-padding"}),
        ("mla_decode_flashmla", set(), {"split-k", "re-reads", "intermediates"}),
        ("kv_a_layernorm", {"kernel-code", "write-back"}, {"re-reads"}),
        ("silu_and_mul_routed", {"flop-convention", "write-back"}, {"re-reads"}),
        ("prepare_moe_input", {"fp16-constant-moves"}, {"tile-padding"}),
        ("moe_gate_up_fp8_grouped", {"tile-padding"}, {"l2-resident", "re-reads"}),
    ],
)
def test_reasons_in_the_real_decode_layer(decode: RooflineReport, op: str, expected: set, absent: set) -> None:
    found = kinds_in(decode, op)
    assert expected <= found
    assert not absent & found


def launch(**columns: Any) -> pl.DataFrame:
    row = {
        "report": "r", "launch_id": 0, "workload_type": "kernel", "kernel_name": "copy",
        "kernel_demangled_name": "copy",
        "sm_count": 10, "thread_count": 320, "grid": [10, 1, 1], "block": [32, 1, 1], "tensor_bf16_flop_count": 0.0,
        "half_instruction_count": 0.0, "fp16_flop_count": 0.0, "tensor_pipe_active_cycles": 0.0,
    }  # fmt: skip
    frame = with_measured_work(pl.DataFrame([row | columns], schema=LAUNCH_SCHEMA))
    return frame.with_columns(pl.lit("o").alias("op"))


def found(**columns: Any) -> list[tuple[str, str]]:
    return [(f.kind, str(f.severity)) for f in launch_findings(launch(**columns))]


def test_tensor_work_that_no_counter_saw() -> None:
    assert found() == []
    assert found(tensor_pipe_active_cycles=50.0) == [("tensor-counter-zero", "warning")]
    assert found(tensor_pipe_active_cycles=50.0, tensor_bf16_flop_count=9.0) == []


def test_half_instructions_explain_the_pipes_activity() -> None:
    # 100 half instructions per thread: 100 x 10 warp instructions on 10 SMs keep it active 50 cycles.
    many = {"half_instruction_count": 32000.0, "fp16_flop_count": 128000.0}
    assert found(tensor_pipe_active_cycles=50.0, **many) == []
    assert found(tensor_pipe_active_cycles=500.0, **many) == [("tensor-counter-zero", "warning")]


def test_partly_filled_warps_are_scaled_up() -> None:
    row = launch(thread_count=10, block=[1, 1, 1], half_instruction_count=100.0, tensor_pipe_active_cycles=5.0).row(
        0, named=True
    )
    assert unexplained_tensor_cycles(row) == pytest.approx(5.0 - 10.0)


def test_a_gemm_without_tensor_work() -> None:
    gemm = {"kernel_name": "nvjet_sm90_tst_64x32_64x16_1x2_h_bz_TNT"}
    assert found(**gemm) == [("tensor-counter-zero", "info")]  # its pipe is known to have been idle
    assert found(**gemm, tensor_pipe_active_cycles=None) == [("tensor-counter-zero", "warning")]
    assert found(**gemm, tensor_bf16_flop_count=None, tensor_pipe_active_cycles=None) == []  # nobody counted: null


def test_constant_loads_are_left_out_in_words_with_the_raw_count() -> None:
    (finding,) = launch_findings(launch(half_instruction_count=640.0, fp16_flop_count=2560.0))
    assert finding.kind == "fp16-constant-moves"
    assert finding.values == {"half_instruction_count": 640.0, "fp16_left_out_flop_count": 2560.0}


def test_no_copy_or_reduction_of_the_real_reports_trips_the_tensor_rule(decode: RooflineReport, analyzed) -> None:  # type: ignore[no-untyped-def]
    for report in (decode, analyzed("h100-calibration-cold.ncu-rep")):
        warnings = [f for f in report.findings if f.kind == "tensor-counter-zero" and f.severity == "warning"]
        assert warnings == []


@pytest.mark.parametrize(
    ("passed_on", "reads", "left"), [(3e6, 12e6, 1e6), (4e6, 12e6, None), (9e6, 12e6, None), (0.0, 12e6, 4e6)]
)
def test_what_its_own_kernels_wrote_is_no_re_read(passed_on: float, reads: float, left: float | None) -> None:
    found = explained(
        names=("a", "b"), dram_read_bytes=reads, passed_on_bytes=passed_on, l2_write_bytes=2e6 + passed_on,
        dram_write_bytes=2e6 + passed_on,
    )  # fmt: skip
    again = [f.values["extra_read_bytes"] for f in found if f.kind == "re-reads"]
    assert again == ([] if left is None or left <= 0.15 * 8e6 else [pytest.approx(left)])
    own = [f.values["own_intermediate_bytes"] for f in found if f.kind == "intermediates"]
    assert own == ([pytest.approx(min(4e6, passed_on))] if passed_on else [])
