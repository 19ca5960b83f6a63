"""The chip tables against every counter name of the chips, and chips without a table."""

from pathlib import Path

import numpy as np
import pytest

from roofprof.hardware.devices import PIPES
from roofprof.parsers.ncu.chips import Chip, chip_by_pattern, chips
from roofprof.parsers.ncu.columns import plan_columns

LISTED = {"9.0": "gh100", "10.0": "gb100", "10.3": "gb110"}


def names_of(chip: Chip) -> set[str]:
    pipes = chip.pipes.values()
    return (
        {metric for pipe in pipes for weights in pipe.alternatives for metric in weights}
        | {pipe.peak for pipe in pipes if pipe.peak}
        | {*chip.tensor_pipe_active, chip.dram_read, chip.dram_write}
    )


@pytest.mark.parametrize(("capability", "name"), LISTED.items())
def test_every_name_of_a_table_is_in_the_chips_full_list(data: Path, capability: str, name: str) -> None:
    known = set((data / "metrics" / f"{name}.txt").read_text().split())
    assert chips()[capability].name == name
    assert names_of(chips()[capability]) - known == set()


@pytest.mark.parametrize("name", LISTED.values())
def test_the_common_counters_are_in_the_full_lists(data: Path, name: str) -> None:
    known = set((data / "metrics" / f"{name}.txt").read_text().split())
    common = [
        "gpu__time_duration",
        "sm__cycles_elapsed",
        "dram__cycles_elapsed",
        "dram__bytes",
        "lts__t_sectors_srcunit_tex_op_read",
        "lts__t_sectors_srcunit_tex_op_write",
        "l1tex__m_xbar2l1tex_read_bytes",
        "l1tex__m_l1tex2xbar_write_bytes",
        "sm__inst_executed_pipe_xu",
        "sm__warps_active",
        "smsp__cycles_elapsed",
    ]
    assert set(common) - known == set()


def test_five_chips_have_tables_and_name_our_pipes() -> None:
    assert {chip.name for chip in chips().values()} == {"gh100", "gb100", "gb110", "ga100", "gb20x"}
    assert all(set(chip.pipes) <= set(PIPES) for chip in chips().values())


@pytest.mark.parametrize("capability", chips())
def test_dense_peaks_are_never_the_sparse_ones(capability: str) -> None:
    for pipe, counter in chips()[capability].pipes.items():
        if pipe.startswith("tensor_") and pipe != "tensor_fp64":
            assert counter.peak
            assert counter.peak.endswith("_sparsity_off")


@pytest.mark.parametrize("capability", chips())
def test_no_alternative_counts_twins(capability: str) -> None:
    for pipe, counter in chips()[capability].pipes.items():
        for weights in counter.alternatives:
            if not pipe.startswith("tensor_"):
                continue
            assert not any("realtime" in metric for metric in weights)
            kinds = {("op_" if "_op_" in m else "src_", "_sparsity_" in m) for m in weights}
            assert len(kinds) == 1, (pipe, weights)


def all_metrics(data: Path, name: str) -> frozenset[str]:
    suffixes = (".sum", ".avg", ".sum.peak_sustained", ".sum.per_second", ".avg.per_second")
    bases = (data / "metrics" / f"{name}.txt").read_text().split()
    return frozenset(base + suffix for base in bases for suffix in suffixes)


@pytest.mark.parametrize("name", LISTED.values())
def test_by_pattern_the_known_chips_come_out_the_same(data: Path, name: str) -> None:
    """What an unknown chip is read by gives, on known chips, the totals of their tables."""
    table = next(c for c in chips().values() if c.name == name)
    guessed = chip_by_pattern(all_metrics(data, name), "unknown")
    assert not guessed.has_table
    for pipe, counter in table.pipes.items():
        if pipe.startswith("tensor_"):
            assert set(guessed.pipes[pipe].alternatives[0]) == set(counter.alternatives[0]), pipe
        else:
            assert guessed.pipes[pipe].alternatives[0] == counter.alternatives[0], pipe


def test_by_pattern_suffixed_names_alone_are_added() -> None:
    names = {f"sm__ops_path_tensor_src_fp8_sparsity_{s}.sum" for s in ("on", "off")}
    guessed = chip_by_pattern(names, "x").pipes["tensor_fp8"]
    assert set(guessed.alternatives[0]) == {n.removesuffix(".sum") for n in names}


HOPPER = chips()["9.0"]
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
    weights = chips()["10.0"].pipes["fp32"].alternatives[0]
    values = {f"{base}.sum": 1.0 for base in weights}
    assert column("fp32_flop_count", values, chips()["10.0"]) == 1 + 1 + 2 + 2 + 2 + 4


def test_dram_bytes_by_rate_leave_read_and_write_unknown() -> None:
    values = {"dram__bytes.sum.per_second": 2.0e12, "gpu__time_duration.sum": 1000.0}
    assert column("dram_bytes", values) == 2.0e6
    assert column("dram_read_bytes", values) is None
    plan = plan_columns(HOPPER, frozenset(values))
    assert plan.dram_bytes_from == "per_second x duration"
    assert plan.missing["dram_read_bytes"] == "dram__bytes_read.sum"


def test_geforce_names_of_dram_bytes() -> None:
    values = {"dram__bytes_op_read.sum": 1.0, "dram__bytes_op_write.sum": 2.0}
    assert column("dram_bytes", values, chips()["12.0"]) == 3.0
    assert column("dram_bytes", {"dram__bytes_read.sum": 1.0, "dram__bytes_write.sum": 4.0}, chips()["12.0"]) == 5.0


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
