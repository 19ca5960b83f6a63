"""The self-check's check of counters: the bundled calibration is exact, and a wrong chip table is named."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from roofprof.errors import ReportError
from roofprof.hardware import chip
from roofprof.hardware.devices import load_gpu
from roofprof.launches.attribution import attribute
from roofprof.parsers.ncu.report import read_ncu_report
from roofprof.selfcheck.check import check_counters
from roofprof.selfcheck.expected import Expected, executed_flop_counts, expected_of_range, expected_range
from roofprof.selfcheck.result import Floor, Row, Selfcheck, load_selfcheck

H100_L2 = 50 * 2**20
SPLIT_K = ("void cublasLt::splitKreduce_kernel<(int)32, (int)16>(T1::Params)", 66)


@pytest.fixture(scope="session")
def expected_by_range(data: Path) -> dict[str, Expected]:
    """truth.csv as expected counts; bytes of the streams only, for GEMMs read operands again."""
    found = {}
    with (data / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            pipe, _, count = row["flop_by_pipe"].partition("=")
            exact = row["relation"] == "exact" and bool(pipe)
            stream = row["range"].endswith("_1GiB")
            found[row["range"]] = Expected(
                row["range"], pipe if exact else None, float(count) if exact else None,
                mufu_count=69206016 if row["range"].startswith("mufu") else None,
                read_bytes=float(row["read_bytes"]) if stream else None,
                write_bytes=float(row["write_bytes"]) if stream else None,
            )  # fmt: skip
    return found


def check(path: Path, expected_by_range: dict[str, Expected], domain: str | None = "calib") -> list[Row]:
    launches, _ = attribute(read_ncu_report(path).launches, domain)
    return check_counters(launches, expected_by_range, load_gpu("h100"), H100_L2)[0]


def selfcheck(rows: list[Row]) -> Selfcheck:
    return Selfcheck("NVIDIA H100 80GB HBM3", "2025.3.1.0", None, None, "gh100", rows)


@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_the_bundled_calibration_is_exact(data: Path, expected_by_range: dict[str, Expected], cache: str) -> None:
    rows = check(data / f"h100-calibration-{cache}.ncu-rep", expected_by_range)
    assert [row for row in rows if row.state != "passed"] == []
    exact = {row.kernel for row in rows if row.relation == "exact"}
    assert len(exact) == 16
    assert {row.counter for row in rows} >= {"tensor_fp8_flop_count", "mufu_count", "peak_tensor_bf16_flop_per_s"}


@pytest.fixture
def chip_table(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Change a line of the H100's counter table."""

    def change(was: str, becomes: str) -> None:
        shutil.copytree(root / "roofprof" / "hardware" / "chips", tmp_path / "chips")
        tables = [tmp_path / "chips" / f"{name}.toml" for name in ("gh100", "common")]
        (table,) = [table for table in tables if was in table.read_text()]
        table.write_text(table.read_text().replace(was, becomes))
        monkeypatch.setattr(chip, "FOLDER", tmp_path / "chips")
        chip.chips.cache_clear()

    yield change
    chip.chips.cache_clear()


@pytest.mark.parametrize(
    ("was", "becomes", "counter"),
    [
        ("ffma = 2 }", "ffma = 1 }", "fp32_flop_count"),
        ('["sm__ops_path_tensor_src_int8"]', '["sm__ops_path_tensor_src_fp8"]', "tensor_int8_flop_count"),
        ('dram_read_bytes = "dram__bytes_read"', 'dram_read_bytes = "dram__bytes_write"', "dram_read_bytes"),
    ],
)
def test_a_wrong_counter_table_is_found_and_its_counter_named(
    data: Path,
    expected_by_range: dict[str, Expected],
    chip_table: Callable[[str, str], None],
    was: str,
    becomes: str,
    counter: str,
) -> None:
    chip_table(was, becomes)
    found = selfcheck(check(data / "h100-calibration-cold.ncu-rep", expected_by_range))
    assert not found.passed
    assert counter in found.failed_counters


def test_a_sparse_peak_for_a_dense_one_is_found(data: Path, chip_table: Callable[[str, str], None]) -> None:
    path = data / "kinds" / "set-full.ncu-rep"
    good = check(path, {}, None)
    assert good
    assert {row.state for row in good} == {"passed"}
    chip_table('op_hgmma_src_bf16_dst_fp32_sparsity_off"\nflop', 'src_bf16_dst_fp32"\nflop')
    (row,) = [row for row in check(path, {}, None) if row.state == "failed"]
    assert (row.counter, row.measured_max) == ("peak_tensor_bf16_flop_per_s", pytest.approx(8192))


@pytest.mark.parametrize(
    ("changes", "counter", "state"),
    [
        ({"dram_write_bytes": 0.98}, "dram_write_bytes", "passed"),
        ({"dram_write_bytes": 0.90}, "dram_write_bytes", "failed"),
        ({"dram_write_bytes": 1.06}, "dram_write_bytes", "failed"),
        ({"dram_read_bytes": 1.02}, "dram_read_bytes", "failed"),
        ({"dram_read_bytes": None}, "dram_read_bytes", "missing"),
        ({"tensor_bf16_flop_count": 1.0000001}, "tensor_bf16_flop_count", "failed"),
    ],
)
def test_each_limit_holds(
    data: Path, expected_by_range: dict[str, Expected], changes: dict[str, float | None], counter: str, state: str
) -> None:
    launches = read_ncu_report(data / "h100-calibration-cold.ncu-rep").launches
    scaled = [pl.col(name) * factor for name, factor in changes.items()]
    rows, _ = check_counters(
        attribute(launches, "calib")[0].with_columns(scaled), expected_by_range, load_gpu("h100"), H100_L2
    )
    assert state in {row.state for row in rows if row.counter == counter}
    assert (state == "passed") == selfcheck(rows).passed


@pytest.mark.parametrize(("read", "state"), [(78_336, "passed"), (900_000, "passed"), (2_000_000, "failed")])
def test_a_kernel_that_only_writes_reads_next_to_nothing(
    data: Path, expected_by_range: dict[str, Expected], read: int, state: str
) -> None:
    launches = attribute(read_ncu_report(data / "h100-calibration-cold.ncu-rep").launches, "calib")[0]
    launches = launches.filter(pl.col("nvtx_path").list.last() == "fill_1GiB")
    # One launch of several reads more: its code apart, nobody asked for that.
    once = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(read, pl.Float64)).otherwise("dram_read_bytes")
    rows, _ = check_counters(launches.with_columns(once.alias("dram_read_bytes")), expected_by_range, None, H100_L2)
    assert {row.state for row in rows if row.counter == "dram_read_bytes"} == {state}


def test_repeats_must_not_differ(data: Path, expected_by_range: dict[str, Expected]) -> None:
    launches = read_ncu_report(data / "h100-calibration-cold.ncu-rep").launches
    more = launches.with_columns(pl.lit(2, pl.Int64).alias("process_id"), pl.col("launch_id") + launches.height)
    rows, floor = check_counters(attribute(pl.concat([launches, more]), "calib")[0], expected_by_range, None, H100_L2)
    assert {row.repeats for row in rows} == {2}
    assert selfcheck(rows).passed
    assert floor == Floor(2720.0, 2720.0, 4096.0, 4096.0, 2)
    more = more.with_columns(pl.col("dram_write_bytes") * 0.978)
    rows, _ = check_counters(attribute(pl.concat([launches, more]), "calib")[0], expected_by_range, None, H100_L2)
    failed = [row for row in rows if row.state == "failed"]
    assert {row.why for row in failed} == {"the repeats differ"}
    assert {row.counter for row in failed} == {"dram_write_bytes"}


@pytest.mark.parametrize(
    "expected",
    [
        Expected("copy", read_bytes=1 << 30, write_bytes=1 << 30),
        Expected("fill", read_bytes=0, write_bytes=1 << 30),
        Expected("gemm_bf16", "tensor_bf16", gemm=(1, 2112, 7168)),
        Expected("ffma", "fp32", 138412032),
        Expected("mufu", mufu_count=69206016),
        Expected("empty"),
    ],
)
def test_a_range_carries_its_expected_counts(expected: Expected) -> None:
    assert expected_of_range(expected_range(expected)) == expected


@pytest.mark.parametrize(
    ("gemm", "kernels", "executed"),
    [
        ((4096, 4096, 4096), [("nvjet_sm90_tst_256x128_64x4_1x2_h_bz_coopA_NNT", 132)], 137438953472),
        ((1, 2112, 7168), [("nvjet_sm90_tst_64x8_64x16_4x1_v_bz_splitK_NNT", 72), SPLIT_K], 264241152),
        ((1000, 1001, 1003), [("cutlass_75_tensorop_bf16_s1688gemm_bf16_128x128_nn_align1", 256), SPLIT_K], 2**31),
        ((64, 64, 64), [("gemm_kernel_of_nobody", 1)], None),
    ],
)
def test_executed_flops_follow_from_tiles(
    gemm: tuple[int, int, int], kernels: list[tuple[str, int]], executed: int | None
) -> None:
    found = executed_flop_counts(gemm, kernels)
    assert executed in found if executed else not found


def test_the_result_is_saved_and_loaded(data: Path, expected_by_range: dict[str, Expected], tmp_path: Path) -> None:
    whole = selfcheck(check(data / "h100-calibration-cold.ncu-rep", expected_by_range))
    path = tmp_path / "selfcheck.json"
    path.write_text(json.dumps(whole.as_dict()))
    assert load_selfcheck(path).as_dict() == whole.as_dict()
    for broken in ("{", "{}", '{"schema_version": 1}'):
        path.write_text(broken)
        with pytest.raises(ReportError):
            load_selfcheck(path)
