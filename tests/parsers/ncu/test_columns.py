"""From the metrics of a report to columns."""

import numpy as np

from roofprof.hardware.chip import Chip, chips
from roofprof.parsers.ncu.columns import plan_columns

HOPPER = chips()["gh100"]
T = "sm__ops_path_tensor_"


def column(name: str, values: dict[str, float], chip: Chip = HOPPER) -> float | None:
    arrays = {metric: np.array([value]) for metric, value in values.items()}
    found = plan_columns(chip, frozenset(values)).columns(arrays)[name]
    return None if found is None else found[0]


def test_totals_and_their_twins_are_not_added() -> None:
    values = {
        f"{T}src_bf16_dst_fp32.sum": 100.0,
        f"{T}op_hgmma_src_bf16_dst_fp32_sparsity_off.sum": 100.0,
        f"{T}op_hgmma_src_bf16_dst_fp32_sparsity_on.sum": 0.0,
        f"{T}op_hmma_src_bf16_dst_fp32_sparsity_off.sum": 0.0,
        f"{T}op_hmma_src_bf16_dst_fp32_sparsity_on.sum": 0.0,
    }
    assert column("tensor_bf16_flop_count", values) == 100.0
    del values[f"{T}src_bf16_dst_fp32.sum"]
    assert column("tensor_bf16_flop_count", values) == 100.0
    del values[f"{T}op_hmma_src_bf16_dst_fp32_sparsity_on.sum"]
    assert column("tensor_bf16_flop_count", values) is None


def test_instruction_counts_come_back_from_their_rate() -> None:
    cycles = 571931.1818181818
    values = {"smsp__cycles_elapsed.avg": cycles} | {
        f"smsp__sass_thread_inst_executed_op_{op}_pred_on.sum.per_cycle_elapsed": count / cycles
        for op, count in (("fadd", 3.0), ("fmul", 5.0), ("ffma", 67108864.0))
    }
    assert column("fp32_flop_count", values) == 3 + 5 + 2 * 67108864
    del values["smsp__sass_thread_inst_executed_op_fadd_pred_on.sum.per_cycle_elapsed"]
    assert column("fp32_flop_count", values) is None


def test_packed_forms_of_blackwell_count_two_lanes() -> None:
    weights = chips()["gb100"].pipes["fp32"].alternatives[0]
    values = {f"{base}.sum": 1.0 for base in weights}
    assert column("fp32_flop_count", values, chips()["gb100"]) == 1 + 1 + 2 + 2 + 2 + 4


def test_dram_bytes_by_rate_leave_read_and_write_unknown() -> None:
    values = {"dram__bytes.sum.per_second": 2.0e12, "gpu__time_duration.sum": 1000.0}
    assert column("dram_bytes", values) == 2.0e6
    assert column("dram_read_bytes", values) is None
    plan = plan_columns(HOPPER, frozenset(values))
    assert plan.dram_bytes_from == "per_second x duration"
    assert plan.missing["dram_read_bytes"] == "dram__bytes_read.sum"


def test_geforce_names_of_dram_bytes() -> None:
    values = {"dram__bytes_op_read.sum": 1.0, "dram__bytes_op_write.sum": 2.0}
    assert column("dram_bytes", values, chips()["gb20x"]) == 3.0
    assert column("dram_bytes", {"dram__bytes_read.sum": 1.0, "dram__bytes_write.sum": 4.0}, chips()["gb20x"]) == 5.0


def test_peaks_are_dense_at_the_clock_of_the_launch() -> None:
    values = {
        "sm__cycles_elapsed.avg.per_second": 1.5e9,
        f"{T}src_bf16_dst_fp32.sum.peak_sustained": 1081344.0,
        f"{T}op_hgmma_src_bf16_dst_fp32_sparsity_off.sum.peak_sustained": 540672.0,
        "sm__sass_thread_inst_executed_op_ffma_pred_on.sum.peak_sustained": 16896.0,
    }
    assert column("peak_tensor_bf16_flop_per_s", values) == 540672 * 1.5e9
    assert column("peak_fp32_flop_per_s", values) == 2 * 16896 * 1.5e9


def test_only_the_metrics_needed_are_touched() -> None:
    unneeded = {f"other__metric_{i}.sum" for i in range(1000)} | {"dram__bytes_read.avg", f"{T}src_int1.sum"}
    plan = plan_columns(HOPPER, frozenset(unneeded | {"gpu__time_duration.sum", "dram__bytes_read.sum"}))
    assert set(plan.metrics) == {"gpu__time_duration.sum", "dram__bytes_read.sum"}


def test_link_bytes_are_counted_where_asked_for_and_missed_nowhere() -> None:
    values = {
        "nvltx__bytes_data_user.sum": 7.0, "nvlrx__bytes_data_user.sum": 5.0, "nvltx__bytes.sum": 8.0,
        "nvlrx__bytes.sum": 6.0,
    }  # fmt: skip
    names = ("link_tx_bytes", "link_rx_bytes", "link_tx_raw_bytes", "link_rx_raw_bytes")
    assert [column(name, values) for name in names] == [7.0, 5.0, 8.0, 6.0]
    bare = plan_columns(HOPPER, frozenset(["gpu__time_duration.sum"]))
    assert not set(names) & bare.missing.keys()
    assert column("link_tx_bytes", {"gpu__time_duration.sum": 1.0}) is None
