"""Tensor work that nothing counted, launches that failed, and how values were had, from launches to ops."""

from typing import Any

import polars as pl
import pytest

from roofprof.analysis.launch_rules import launch_findings
from roofprof.findings import Finding
from roofprof.hardware.opcodes import WARP_OPCODES
from roofprof.launches.had import stated
from roofprof.launches.measured_work import call_rows, op_rows, with_measured_work
from roofprof.launches.merge import merge_launches
from roofprof.launches.schema import ATTRIBUTED_SCHEMA, LAUNCH_SCHEMA

EXTRA = {"nvtx_path": pl.List(pl.String()), "call": pl.String, "op": pl.String}


def launches(*changes: dict[str, Any]) -> pl.DataFrame:
    base = dict.fromkeys([*LAUNCH_SCHEMA, *EXTRA]) | {
        "report": "r", "workload_type": "kernel", "kernel_name": "copy", "kernel_demangled_name": "copy",
        "grid": [10, 1, 1], "block": [32, 1, 1], "thread_count": 320, "sm_count": 10, "chip": "ga100", "op": "o",
        "nvtx_path": ["o"], "call": "0",
    }  # fmt: skip
    rows = [base | {"launch_id": place} | change for place, change in enumerate(changes)]
    return with_measured_work(pl.DataFrame(rows, schema={**LAUNCH_SCHEMA, **EXTRA}, orient="row"))


def doubts(frame: pl.DataFrame) -> list[Finding]:
    return [f for f in launch_findings(frame) if f.kind in ("tensor-uncounted", "tensor-counter-zero")]


COUNTED = {"fp32_flop_count": 8.0, "dram_bytes": 4.0, "duration_ns": 100.0}
BUSY = COUNTED | {"tensor_pipe_active_cycles": 500.0}


def test_a_busy_pipe_that_nothing_counted_has_unknown_flops() -> None:
    frame = launches(BUSY)
    assert frame["flop_count"].to_list() == [None]
    (finding,) = doubts(frame)
    assert finding.kind == "tensor-uncounted"
    assert finding.hint == f"its opcodes would tell: ncu --metrics {WARP_OPCODES}"  # five precisions in one metric
    (on_turing,) = doubts(launches(BUSY | {"chip": "tu102"}))
    assert on_turing.hint == "collect them: roofprof capture --groups fp16,int8"
    (on_blackwell,) = doubts(launches(BUSY | {"chip": "gb100"}))
    assert "--groups" in (on_blackwell.hint or "")  # its opcodes carry no shape
    assert launches(BUSY | {"tensor_pipe_active_cycles": 0.5})["flop_count"].to_list() == [8.0]


def test_a_little_activity_that_may_be_constant_loads_is_no_warning() -> None:
    few, much = BUSY | {"sm_cycles_elapsed": 1e5}, BUSY | {"sm_cycles_elapsed": 1e3}
    gemm = few | {"kernel_name": "cutlass_gemm", "kernel_demangled_name": "cutlass_gemm"}
    none = few | {"half_instruction_count": 0.0}
    assert [str(f.severity) for f in doubts(launches(few, much, gemm, none))] == ["info", *["warning"] * 3]


def test_zero_of_some_precisions_is_no_zero_of_all() -> None:
    frame = launches(BUSY | {"tensor_fp16_flop_count": 0.0, "tensor_bf16_flop_count": 0.0})
    assert frame["flop_count"].to_list() == [None]
    assert frame["tensor_fp16_flop_count"].to_list() == [0.0]  # what its counter says
    (finding,) = doubts(frame)
    assert finding.kind == "tensor-counter-zero"
    assert "fp16" not in (finding.hint or "")
    assert "fp4" not in (finding.hint or "")  # the chip has none


@pytest.mark.parametrize(
    "explained",
    [
        {"how": {"tensor_fp16_flop_count": "opcodes"}, "tensor_fp16_flop_count": 0.0},
        {"tensor_fp16_flop_count": 0.0, "tensor_pipe_half_warp_count": 5000.0},
        {"tensor_fp16_flop_count": 0.0, "half_instruction_count": 160000.0},
        {"tensor_fp16_flop_count": 64.0},
    ],
)
def test_opcodes_and_half_instructions_explain_a_busy_pipe(explained: dict[str, Any]) -> None:
    frame = launches(BUSY | explained)
    assert frame["flop_count"].item() == 8.0 + explained["tensor_fp16_flop_count"]
    assert doubts(frame) == []


def test_opcodes_without_a_shape_are_named_with_what_would_tell() -> None:
    zeros = {"how": {"tensor_fp16_flop_count": "opcodes"}, "tensor_fp16_flop_count": 0.0}
    unknown, int4 = launches(
        COUNTED | zeros | {"chip": "gb100", "uncounted_opcodes": "UTCQMMA"},
        COUNTED | zeros | {"chip": "gb100", "uncounted_opcodes": "IMMA.8832.S4.S4"}
        | {f"tensor_{p}_flop_count": 0.0 for p in ("fp4", "fp8", "bf16", "tf32", "fp64", "int8")},
    ).partition_by("launch_id")  # fmt: skip
    assert [frame["flop_count"].item() for frame in (unknown, int4)] == [None, None]
    (first,), (second,) = doubts(unknown), doubts(int4)
    assert "UTCQMMA" in first.message
    assert "--groups" in (first.hint or "")
    assert second.hint == "no column holds work of this precision"


def test_by_opcodes_constant_loads_in_a_loop_are_no_flops() -> None:
    many = {"half_instruction_count": 320e3, "fp16_flop_count": 1280e3, "half_move_count": 320e3}
    frame = launches(COUNTED | many, COUNTED | many | {"half_move_count": 0.0}, COUNTED | many | {"thread_count": None})
    assert frame["flop_count"].to_list() == [8.0, 8.0 + 1280e3, 8.0]
    kinds = [(f.kind, f.launch_id) for f in launch_findings(frame)]
    assert kinds == [("fp16-constant-moves", 0), ("fp16-constant-moves", 2)]


FAILED: dict[str, Any] = {}


def test_a_launch_that_failed_does_not_hide_the_others() -> None:
    frame = launches(COUNTED, COUNTED, FAILED)
    assert frame["profiling_failed"].to_list() == [False, False, True]
    (call,) = call_rows(frame).to_dicts()
    assert (call["duration_ns"], call["dram_bytes"], call["fp32_flop_count"]) == (200.0, 8.0, 16.0)
    assert call["failed_launch_count"] == 1
    (finding,) = [f for f in launch_findings(frame) if f.kind == "profiling-failed"]
    assert finding.launch_id == 2
    assert "neither a time nor counters; sums leave it out" in finding.message


def test_a_pipe_counted_for_the_kernels_that_use_it_alone_is_in_the_call() -> None:
    # A second run that looks at the product alone leaves the sum of its partial products without that counter.
    product, reduction = COUNTED | {"tensor_fp16_flop_count": 64.0}, COUNTED
    (call,) = call_rows(launches(product, reduction)).to_dicts()
    assert (call["tensor_fp16_flop_count"], call["fp32_flop_count"], call["flop_count"]) == (64.0, 16.0, 80.0)
    assert call["tensor_bf16_flop_count"] is None  # of no kernel

    (open_one,) = call_rows(launches(product, BUSY)).to_dicts()  # here tensor work was done that nothing counted
    assert (open_one["tensor_fp16_flop_count"], open_one["flop_count"]) == (None, None)


def test_a_call_with_a_failed_launch_is_not_the_median() -> None:
    calls = [COUNTED | {"call": "0", "duration_ns": 80.0}, FAILED | {"call": "0"}]
    calls += [COUNTED | {"call": name, "duration_ns": time} for name, time in (("1", 70.0), ("2", 300.0), ("3", 400.0))]
    (row,) = op_rows(call_rows(launches(*calls))).to_dicts()
    assert row["duration_ns"] == 300.0
    assert row["calls"] == 4
    (alone,) = op_rows(call_rows(launches(*calls[:2]))).to_dicts()
    assert (alone["duration_ns"], alone["failed_launch_count"]) == (80.0, 1)


def test_a_report_without_times_has_not_failed() -> None:
    assert launches(FAILED, FAILED)["profiling_failed"].to_list() == [False, False]


def test_a_call_says_of_each_column_the_furthest_way() -> None:
    one = COUNTED | {"how": {"dram_bytes": "rate", "fp32_flop_count": "per_cycle", "fp64_flop_count": "opcodes"}}
    two = COUNTED | {"how": {"dram_bytes": "percent_of_peak"}}
    (call,) = call_rows(launches(one, two)).to_dicts()
    assert stated(call["how"]) == {
        "dram_bytes": "percent_of_peak", "fp32_flop_count": "per_cycle", "flop_count": "opcodes",
    }  # fmt: skip


def test_merged_launches_keep_the_way_of_the_report_that_gave_the_value() -> None:
    frame = launches(COUNTED | {"how": {"dram_bytes": "rate"}}).select(ATTRIBUTED_SCHEMA.names())
    how = {"dram_bytes": "percent_of_peak", "fp64_flop_count": "opcodes"}
    other = launches(COUNTED | {"fp64_flop_count": 2.0, "how": how}).select(ATTRIBUTED_SCHEMA.names())
    merged, _ = merge_launches("m", [frame, other])
    assert stated(merged["how"].to_list()[0]) == {"dram_bytes": "rate", "fp64_flop_count": "opcodes"}
