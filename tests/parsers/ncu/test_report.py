"""Reading real reports: against expected counts and by hand."""

import contextlib
import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from roofprof.errors import ReportError
from roofprof.hardware.opcodes import THREAD_OPCODES
from roofprof.parsers.ncu.report import read_ncu_report

CALIBRATIONS = ["h100-calibration-cold", "h100-calibration-warm"]


def expected_counts(data: Path) -> list[dict[str, str]]:
    with (data / "truth.csv").open() as file:
        return list(csv.DictReader(file))


def flops_by_range(data: Path, name: str) -> dict[str, dict[str, float]]:
    """FLOPs by pipe of each calibration range, fp16 as counted."""
    launches = read_ncu_report(data / f"{name}.ncu-rep").launches
    found: dict[str, dict[str, float]] = {}
    for row in launches.iter_rows(named=True):
        (stack,) = row["nvtx"]
        pipes = found.setdefault(stack["push_pop"][-1], {})
        for column in launches.columns:
            if column.endswith("_flop_count") and row[column] is not None:
                pipe = column.removesuffix("_flop_count")
                pipes[pipe] = pipes.get(pipe, 0.0) + row[column]
        pipes["mufu"] = pipes.get("mufu", 0.0) + row["mufu_count"]
    return found


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_counted_work_is_the_true_work(data: Path, name: str) -> None:
    counted = flops_by_range(data, name)
    rows = expected_counts(data)
    assert len(rows) == len(counted) == 20
    for row in rows:
        if not row["flop_by_pipe"]:
            continue
        pipe, _, expected = row["flop_by_pipe"].partition("=")
        if row["relation"] in ("exact", "counted"):
            assert counted[row["range"]][pipe] == float(expected), row["range"]
        else:
            assert row["relation"] == "at_least"
            assert counted[row["range"]][pipe] >= float(expected), row["range"]
    assert counted["mufu_1024x264x256"]["mufu"] == 69206016
    assert counted["sum_1GiB"]["fp32"] == 277812192


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_streams_read_what_they_must(data: Path, name: str) -> None:
    launches = read_ncu_report(data / f"{name}.ncu-rep").launches
    read = {row["nvtx"][0]["push_pop"][-1]: row["dram_read_bytes"] for row in launches.iter_rows(named=True)}
    for row in expected_counts(data):
        if row["range"] in ("add_fp32_1GiB", "axpy_fp32_1GiB", "sum_1GiB", "exp_1GiB"):
            assert read[row["range"]] == pytest.approx(float(row["read_bytes"]), rel=1e-3)


def test_the_raw_values_of_one_report_summed_by_hand(data: Path, decode) -> None:  # type: ignore[no-untyped-def]
    """ncu_report's own values, added here without any of our tables."""
    path = data / "h100-decode-b64-s4096.ncu-rep"
    script = (
        "import json, sys, ncu_report\n"
        "total = {}\n"
        "for a in ncu_report.load_report(sys.argv[1])[0]:\n"
        "    for n in ('gpu__time_duration.sum', 'dram__bytes_read.sum', 'dram__bytes_write.sum',\n"
        "              'sm__ops_path_tensor_src_bf16_dst_fp32.sum', 'sm__ops_path_tensor_src_fp8.sum',\n"
        "              'sm__sass_thread_inst_executed_op_fadd_pred_on.sum',\n"
        "              'sm__sass_thread_inst_executed_op_fmul_pred_on.sum',\n"
        "              'sm__sass_thread_inst_executed_op_ffma_pred_on.sum'):\n"
        "        total[n] = total.get(n, 0) + a[n].value()\n"
        "print(json.dumps(total))"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    raw = json.loads(done.stdout)
    kernels = decode.kernels
    sass = "sm__sass_thread_inst_executed_op_{}_pred_on.sum"
    assert kernels["duration_ns"].sum() == raw["gpu__time_duration.sum"]
    assert kernels["dram_bytes"].sum() == raw["dram__bytes_read.sum"] + raw["dram__bytes_write.sum"]
    assert kernels["tensor_bf16_flop_count"].sum() == raw["sm__ops_path_tensor_src_bf16_dst_fp32.sum"]
    assert kernels["tensor_fp8_flop_count"].sum() == raw["sm__ops_path_tensor_src_fp8.sum"]
    assert kernels["fp32_flop_count"].sum() == (
        raw[sass.format("fadd")] + raw[sass.format("fmul")] + 2 * raw[sass.format("ffma")]
    )


def test_launch_properties(data: Path) -> None:
    report = read_ncu_report(data / "h100-decode-b64-s4096.ncu-rep")
    first = report.launches.row(0, named=True)
    expected = {
        "kernel_name": "FusedAddRMSNormKernel",
        "grid": [64, 1, 1],
        "block": [32, 28, 1],
        "duration_ns": 4672.0,
        "registers_per_thread": 31,
        "waves_per_sm": 64 / 264,
        "shared_memory_per_block_bytes": 29808.0,
        "thread_count": 57344,
        "sm_count": 132,
        "theoretical_occupancy": 0.875,
        "l2_read_bytes": 67056.0 * 32,
        "l2_write_bytes": 57344.0 * 32,
        "l1_fill_bytes": 2752512.0,
        "replay_passes": 8,
        "chip": "gh100",
    }
    assert {name: first[name] for name in expected} == expected
    assert first["sm_clock_hz"] == pytest.approx(1.98e9, rel=1e-3)
    assert first["dram_clock_hz"] == 2.6e9
    assert report.devices["0"]["device_name"] == "NVIDIA H100 80GB HBM3"


def test_nvtx_of_every_domain(data: Path) -> None:
    launches = read_ncu_report(data / "kinds/odd-names.ncu-rep").launches
    inner = {stack["domain"]: stack["push_pop"] for stack in launches["nvtx"][11]}
    assert inner == {"roofprof": ["outer"], "CCCL": ["other_domain_inner"]}
    (start_end,) = launches["nvtx"][12]
    assert (start_end["push_pop"], start_end["start_end"]) == (["outer"], ["startend"])
    assert (start_end["push_pop_id"], start_end["start_end_id"]) == ([715], [720])  # calls; the launch is the 726th
    assert launches["nvtx"][13].to_list() == []


def test_processes_and_instances_of_ranges_are_told_apart(data: Path) -> None:
    launches = read_ncu_report(data / "kinds/two-processes.ncu-rep").launches
    assert launches["process_id"].n_unique() == 2
    layers = [stack[0]["push_pop_id"][0] for stack in launches["nvtx"].to_list()[1:]]
    assert len(set(layers)) == 3
    assert layers == sorted(layers)


@pytest.mark.parametrize(("name", "kind"), [("range-nvtx", "range"), ("graph-whole", "graph")])
def test_whole_ranges_and_graphs_have_no_kernels_properties(data: Path, name: str, kind: str) -> None:
    report = read_ncu_report(data / f"kinds/{name}.ncu-rep")
    assert set(report.launches["workload_type"]) == {kind}
    assert report.launches["grid"].null_count() == report.launches.height
    assert report.launches["registers_per_thread"].null_count() == report.launches.height
    assert "not-per-kernel" in {f.kind for f in report.findings}


def test_missing_counters_are_null_and_named_with_the_flag_that_collects_them(data: Path) -> None:
    report = read_ncu_report(data / "kinds/default-set.ncu-rep")
    for column in ("dram_read_bytes", "fp32_flop_count", "tensor_bf16_flop_count", "mufu_count"):
        assert report.launches[column].null_count() == report.launches.height
    found = {f.values["column"]: f for f in report.findings if f.kind == "counter-missing"}
    assert "dram__bytes_read.sum" in found["dram_read_bytes"].message
    assert "--metrics sm__ops_path_tensor_src_fp8.sum" in (found["tensor_fp8_flop_count"].hint or "")
    assert THREAD_OPCODES in (found["fp32_flop_count"].hint or "")  # one name in place of three


def test_the_default_set_gives_dram_bytes_by_percent_of_peak(data: Path) -> None:
    derived, rated = (
        read_ncu_report(data / f"kinds/{name}.ncu-rep").launches for name in ("default-set", "set-roofline")
    )
    assert set(derived["dram_bytes_from"]) == {"percent of peak"}
    assert set(derived["how"].struct.field("dram_bytes")) == {"percent_of_peak"}
    assert derived["how"].struct.field("dram_read_bytes").null_count() == derived.height
    for ours, theirs in zip(derived["dram_bytes"], rated["dram_bytes"], strict=True):
        assert ours == pytest.approx(theirs, rel=0.03)  # two runs of the same kernels


def test_the_roofline_set_is_exact_where_it_only_offers_rates(data: Path) -> None:
    launches = read_ncu_report(data / "kinds/set-roofline.ncu-rep").launches
    adds = launches.filter(pl.col("kernel_name") == "scale_add")
    assert adds["fp32_flop_count"].to_list() == [2 * 67108864.0] * 3
    polys = launches.filter(pl.col("kernel_name") == "poly_f64")
    assert polys["fp64_flop_count"].to_list() == [2 * 32 * float(1 << 22)] * 3
    assert set(launches["dram_bytes_from"]) == {"per_second x duration"}
    assert launches["dram_read_bytes"].null_count() == launches.height
    assert launches["tensor_fp8_flop_count"].to_list() == [0.0] * launches.height


def test_a_flip_inside_a_result_never_crashes_us(data: Path, tmp_path: Path) -> None:
    whole = bytearray((data / "kinds/no-nvtx.ncu-rep").read_bytes())
    for position in range(30_000, len(whole), len(whole) // 7):
        bad = bytearray(whole)
        bad[position] ^= 0xFF
        path = tmp_path / "flip.ncu-rep"
        path.write_bytes(bad)
        with contextlib.suppress(ReportError):  # seen, or not to be seen; never a crash of this process
            assert read_ncu_report(path).launches.height == 9
