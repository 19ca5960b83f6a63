"""GPUs of reports that strangers made: recognised by name, as their sheets say, and no launch above a roof."""

from pathlib import Path

import polars as pl
import pytest

from roofprof.hardware.devices import PIPES
from roofprof.hardware.profiled_gpu import figure_of, profiled_gpu_of
from roofprof.parsers.ncu.report import read_ncu_report

FOLDER = Path(__file__).parents[4] / "shared/data/wild"
REPORTS = sorted(path.name for path in FOLDER.glob("*.ncu-rep"))
pytestmark = pytest.mark.skipif(not REPORTS, reason="needs reports that are not in the repository")
KNOWN = {"b200": {"fp16_flop_per_sm_cycle"}}
"""What a report of a real one states otherwise, and the sheet calls doubtful."""


@pytest.mark.parametrize("name", REPORTS)
def test_its_gpu_is_what_its_sheet_says(name: str) -> None:
    report = read_ncu_report(FOLDER / name)
    found = profiled_gpu_of("r", report.launches, report.devices)
    device = next(iter(report.devices.values()))
    assert found.spec.match, found.spec.name
    assert figure_of(device, "sm_count") == found.spec.sm_count
    differ = {key for finding in found.findings for key in finding.values["differ"]}
    assert differ == KNOWN.get(found.spec.name, set())
    assert found.spec.dram_bytes_per_s
    bits, khz = figure_of(device, "dram_bus_width_bits"), figure_of(device, "max_dram_clock_khz")
    assert bits / 8 * 2 * khz * 1e3 == pytest.approx(found.spec.dram_bytes_per_s, rel=0.01)
    assert figure_of(device, "l2_cache_bytes") == pytest.approx(found.spec.l2_cache_bytes, rel=0.06)


@pytest.mark.parametrize("name", REPORTS)
def test_no_launch_lies_above_a_roof(name: str) -> None:
    report = read_ncu_report(FOLDER / name)
    gpu, launches = profiled_gpu_of("r", report.launches, report.devices).spec, report.launches
    seconds = launches["duration_ns"] / 1e9
    assert gpu.dram_bytes_per_s
    assert _largest((launches["dram_read_bytes"] + launches["dram_write_bytes"]) / seconds) <= gpu.dram_bytes_per_s
    for pipe in PIPES:
        assert _largest(launches[f"{pipe}_flop_count"] / seconds) <= gpu.peak_flop_per_s.get(pipe, 0.0), pipe


def _largest(rates: pl.Series) -> float:
    largest = rates.max()
    return largest if isinstance(largest, float) else 0.0
