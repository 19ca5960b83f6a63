"""The chips' files against every counter name of the chips."""

from pathlib import Path

import pytest

from roofprof.errors import RoofprofError
from roofprof.hardware.chip import Chip, chip_of_capability, chips, common_counters, load_chips
from roofprof.hardware.devices import PIPES

LISTED = ("gh100", "gb100", "gb110")
"""Chips whose every metric name is in tests/data/metrics."""


def names_of(chip: Chip) -> set[str]:
    pipes = chip.pipes.values()
    return (
        {metric for pipe in pipes for weights in pipe.alternatives for metric in weights}
        | {pipe.peak for pipe in pipes if pipe.peak}
        | {*chip.tensor_pipe_active, *chip.counters.values()}
    )


@pytest.mark.parametrize("name", LISTED)
def test_every_name_of_a_table_is_in_the_chips_full_list(data: Path, name: str) -> None:
    known = set((data / "metrics" / f"{name}.txt").read_text().split())
    assert names_of(chips()[name]) - known == set()


@pytest.mark.parametrize("name", LISTED)
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


@pytest.mark.parametrize("name", chips())
def test_dense_peaks_are_never_the_sparse_ones(name: str) -> None:
    for pipe, counter in chips()[name].pipes.items():
        if pipe.startswith("tensor_") and pipe != "tensor_fp64":
            assert counter.peak
            assert counter.peak.endswith("_sparsity_off")


@pytest.mark.parametrize("name", chips())
def test_no_alternative_counts_twins(name: str) -> None:
    for pipe, counter in chips()[name].pipes.items():
        for weights in counter.alternatives:
            if not pipe.startswith("tensor_"):
                continue
            assert not any("realtime" in metric for metric in weights)
            kinds = {("op_" if "_op_" in m else "src_", "_sparsity_" in m) for m in weights}
            assert len(kinds) == 1, (pipe, weights)


def test_a_chip_is_found_by_its_compute_capability() -> None:
    found = {c: chip_of_capability(c) for c in ("8.0", "9.0", "10.0", "10.3", "12.0", "8.9")}
    assert {c: chip.name if chip else None for c, chip in found.items()} == {
        "8.0": "ga100", "9.0": "gh100", "10.0": "gb100", "10.3": "gb110", "12.0": "gb20x", "8.9": None,
    }  # fmt: skip


def test_groups_of_metrics_follow_from_the_counters() -> None:
    groups = chips()["gb20x"].groups
    assert groups["core"] == (
        "sm__cycles_elapsed.avg",
        "sm__cycles_elapsed.avg.per_second",
        "dram__cycles_elapsed.avg.per_second",
        "dram__bytes_op_read.sum",
        "dram__bytes_op_write.sum",
        "dram__bytes.sum.peak_sustained",
    )
    assert groups["tensor_fp4"] == (
        "sm__ops_path_tensor_src_fp4_dst_fp32_sparsity_off.sum",
        "sm__ops_path_tensor_src_fp4_dst_fp32_sparsity_on.sum",
        "sm__ops_path_tensor_src_fp4_dst_fp32_sparsity_off.sum.peak_sustained",
    )
    assert len(groups["cuda_core"]) == 12
    assert "tensor_fp64" not in groups
    assert chips()["gb100"].groups["tensor_pipe"] == (
        "sm__inst_executed_pipe_tensor.sum",
        "sm__inst_executed_pipe_tc.sum",
        "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_elapsed",
        "sm__pipe_tc_cycles_active.avg.pct_of_peak_sustained_elapsed",
    )


def test_what_all_chips_share_is_in_one_file() -> None:
    shared = ("time", "occupancy", "l2", "l1", "mufu")
    assert len({tuple(chip.groups[name] for name in shared) for chip in chips().values()}) == 1
    assert all(chip.pipes["fp16"].peak_weight == 4 for chip in chips().values())
    assert chips()["gh100"].pipes["fp16"].flop_per_sm_cycle == 512
    assert chips()["gb20x"].pipes["fp16"].flop_per_sm_cycle == 256
    assert chips()["gb100"].pipes["fp64"].flop_per_sm_cycle is None


def test_passes_were_measured_on_hopper_alone() -> None:
    hopper = chips()["gh100"]
    assert hopper.tested == "one H100, Nsight Compute 2025.3.1, 2026-11"
    asked = (["core", "l2"], ["time", "tensor_int8"], ["mufu"])
    assert [hopper.passes(groups) for groups in asked] == [1, 3, None]
    assert len(hopper.measured) == 14
    assert not any(chip.measured or chip.tested for chip in chips().values() if chip.name != "gh100")


def test_a_counter_of_one_column_is_named_once() -> None:
    for chip in chips().values():
        collected = {metric for group in ("core", "l2", "l1", "mufu") for metric in chip.groups[group]}
        assert {f"{base}.sum" for column, base in chip.counters.items() if column != "l1_write_bytes"} <= collected
    assert chips()["gb20x"].counters["dram_read_bytes"] == "dram__bytes_op_read"
    assert common_counters() == chips()["gh100"].counters


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "a"}, r"a\.toml: inherits = 'a': a circle, a"),
        ({"a": "b", "b": "c", "c": "b"}, r"c\.toml: inherits = 'b': a circle, a -> b -> c"),
        ({"a": "zz"}, r"a\.toml: inherits = 'zz': no such file"),
    ],
)
def test_files_that_inherit_in_a_circle_or_from_none(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, base in files.items():
        (tmp_path / f"{name}.toml").write_text(f'inherits = "{base}"\nchip = "{name}"\n')
    with pytest.raises(RoofprofError, match=said):
        load_chips(tmp_path)


def test_a_file_that_misses_a_key_names_it(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('dram_read = "a"\n')
    (tmp_path / "toy.toml").write_text('inherits = "base"\nchip = "toy"\n[tensor.bf16]\nwork = [["x"]]\n')
    with pytest.raises(RoofprofError, match=r"toy\.toml: missing 'cuda'"):
        load_chips(tmp_path)
