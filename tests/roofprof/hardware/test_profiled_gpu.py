"""The profiled GPU: a sheet by its name, held against what the report says; without one, the report's own peaks."""

import polars as pl
import pytest

from roofprof.hardware.devices import PIPES
from roofprof.hardware.profiled_gpu import profiled_gpu_of

H100 = {
    "device_name": "NVIDIA H100 PCIe", "sm_count": 114, "max_sm_clock_khz": 1755000, "max_dram_clock_khz": 1593000,
    "dram_bus_width_bits": 5120,
}  # fmt: skip


def launches(**rates: float) -> pl.DataFrame:
    """One launch at 1.5 GHz on 100 SMs, with rates per SM and cycle."""
    columns: dict[str, float | None] = {f"peak_{pipe}_flop_per_s": None for pipe in PIPES}
    columns |= {f"peak_{pipe}_flop_per_s": rate * 100 * 1.5e9 for pipe, rate in rates.items()}
    columns |= {"sm_clock_hz": 1.5e9, "sm_count": 100, "dram_peak_bytes_per_s": None, "dram_clock_hz": None}
    return pl.DataFrame([columns], schema=dict.fromkeys(columns, pl.Float64))


def test_a_gpu_as_its_sheet_says_raises_nothing() -> None:
    found = profiled_gpu_of("r", launches(tensor_bf16=4096, fp32=256, fp64=128), {"0": H100})
    assert (found.spec.name, found.findings) == ("h100-pcie", ())


@pytest.mark.parametrize(
    ("device", "rates", "key", "sheet", "here"),
    [
        ({"sm_count": 100}, {}, "sm_count", 114, 100),
        ({"max_dram_clock_khz": 1215000}, {}, "dram_bytes_per_s", 2.039e12, 1555.2e9),
        ({}, {"tensor_bf16": 2048}, "tensor_bf16_flop_per_sm_cycle", pytest.approx(4094, rel=1e-3), 2048),
    ],
)
def test_another_sku_under_a_known_name_is_said(
    device: dict[str, int], rates: dict[str, float], key: str, sheet: float, here: float
) -> None:
    found = profiled_gpu_of("r", launches(**rates), {"0": H100 | device})
    (finding,) = found.findings
    assert (found.spec.name, finding.kind) == ("h100-pcie", "gpu-sheet-mismatch")
    assert finding.values["differ"] == {key: {"sheet": sheet, "report": here}}


def test_what_the_report_leaves_out_is_no_mismatch() -> None:
    found = profiled_gpu_of("r", launches(), {"0": {"device_name": "Tesla T4"}})
    assert (found.spec.name, found.findings) == ("t4", ())


@pytest.mark.parametrize(
    ("bus", "khz", "wanted"),
    [(384, 9751000, 936.1e9), (4096, 877000, 898e9), (256, 5001000, 320.1e9), (128, 14001000, 448e9), (0, 5e6, None)],
    ids=["GDDR6X", "HBM2", "GDDR6", "GDDR7", "unknown"],
)
def test_an_unknown_gpu_has_two_transfers_a_clock_whatever_its_memory(
    bus: int, khz: float, wanted: float | None
) -> None:
    """ncu's memory clock is half the data rate for GDDR too: a factor of 4 or 8 would be another unit."""
    device = {"device_name": "NVIDIA X9", "max_dram_clock_khz": khz, "dram_bus_width_bits": bus}
    found = profiled_gpu_of("r", launches(), {"0": device})
    assert [f.kind for f in found.findings] == ["gpu-unknown"]
    assert found.spec.dram_bytes_per_s == (pytest.approx(wanted, rel=1e-3) if wanted else None)
