"""The chips' files against every counter name of the chips."""

from pathlib import Path

import pytest

from roofprof.errors import RoofprofError
from roofprof.hardware.chip import Chip, chip_of_capability, chips, common_counters, load_chips
from roofprof.hardware.devices import PIPES

LISTED = tuple(name for name in chips() if name != "gv100")
"""Chips whose metric names are in tests/data/metrics: all, or those of the families that we use. Nsight Compute
2025.3.1 lists no GV100."""


def names_of(chip: Chip) -> set[str]:
    pipes = chip.pipes.values()
    return (
        {metric for pipe in pipes for weights in pipe.alternatives for metric in weights}
        | {pipe.peak for pipe in pipes if pipe.peak}
        | {*chip.tensor_pipe_active, *chip.counters.values()}
        | ({chip.half_on_tensor_pipe} if chip.half_on_tensor_pipe else set())
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


def test_every_chip_names_our_pipes() -> None:
    assert {*chips()} == {
        "gv100", "tu102", "tu116", "ga100", "ga102", "ad102", "gh100", "gb100", "gb110", "gb20x",
    }  # fmt: skip
    assert all(set(chip.pipes) <= set(PIPES) for chip in chips().values())


@pytest.mark.parametrize("name", chips())
def test_dense_peaks_are_never_the_sparse_ones(name: str) -> None:
    for pipe, counter in chips()[name].pipes.items():
        sparse = any("_sparsity_" in metric for weights in counter.alternatives for metric in weights)
        assert counter.peak or not counter.alternatives
        if sparse and pipe != "tensor_fp64":
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
    found = {
        c: chip_of_capability(c)
        for c in ("7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1", "8.7")
    }
    assert {c: chip.name if chip else None for c, chip in found.items()} == {
        "7.0": "gv100", "7.5": "tu102", "8.0": "ga100", "8.6": "ga102", "8.9": "ad102", "9.0": "gh100",
        "10.0": "gb100", "10.3": "gb110", "12.0": "gb20x", "12.1": "gb20x", "8.7": None,
    }  # fmt: skip


def test_turing_without_tensor_cores_is_told_by_its_name() -> None:
    names = ("NVIDIA GeForce GTX 1660 SUPER", "Tesla T4", "NVIDIA GeForce RTX 2060 SUPER", "")
    found = [chip_of_capability("7.5", name) for name in names]
    assert [chip and chip.name for chip in found] == ["tu116", "tu102", "tu102", "tu102"]
    assert chips()["tu116"].precisions == ()
    assert chips()["gv100"].precisions == ()  # it has fp16, and no counter of it that we know


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
        "sm__ops_path_tensor_src_fp4_dst_fp32.sum",
        "sm__ops_path_tensor_src_fp4_dst_fp32_sparsity_off.sum.peak_sustained",
    )
    assert len(groups["cuda_core"]) == 9
    assert len(chips()["gb100"].groups["cuda_core"]) == 12  # with the packed forms
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
    assert chips()["gb110"].pipes["fp64"].flop_per_sm_cycle is None


def test_passes_were_measured_on_hopper_alone() -> None:
    hopper = chips()["gh100"]
    assert hopper.tested == "one H100, Nsight Compute 2025.3.1, 2026-11"
    asked = (["core", "l2"], ["time", "tensor_int8"], ["mufu"])
    assert [hopper.passes(groups) for groups in asked] == [1, 3, None]
    assert len(hopper.measured) == 20
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
