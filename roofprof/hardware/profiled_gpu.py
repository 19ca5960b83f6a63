"""The profiled GPU of a report: by its display name, else made of the report's own peaks and clocks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.hardware.devices import PIPES, DeviceSpec, recognise_gpu

Attributes: TypeAlias = Mapping[str, object]
"""What a report says of a GPU: numbers, text, tables; unknown is None or absent."""


@dataclass(frozen=True, slots=True)
class ProfiledGpu:
    """The specification to measure against, and doubts about it."""

    spec: DeviceSpec
    findings: tuple[Finding, ...] = ()


def profiled_gpu_of(report: str, launches: pl.DataFrame, devices: Mapping[str, Attributes]) -> ProfiledGpu:
    """The GPU of a report; of several, the first."""
    device: Attributes = next(iter(devices.values()), {})
    name = str(device.get("device_name") or "unknown GPU")
    if spec := recognise_gpu(name):
        return ProfiledGpu(spec)
    spec = _from_report(name, launches, device)
    finding = Finding(
        "gpu-unknown",
        Severity.DOUBTFUL,
        f"no datasheet figures for {name!r}: its roofs are the report's own peaks at the highest clocks it names",
        "give the datasheet's with a TOML file: --gpu FILE, see docs/gpus.md",
        report=report,
        values={"device_name": name},
    )
    return ProfiledGpu(spec, (finding,))


def _from_report(name: str, launches: pl.DataFrame, device: Attributes) -> DeviceSpec:
    """Peaks per cycle as ncu states them, times the device's highest clock."""
    clock = figure_of(device, "max_sm_clock_khz") * 1e3
    per_cycle = {
        pipe: value for pipe in PIPES if (value := _largest_ratio(launches, f"peak_{pipe}_flop_per_s", "sm_clock_hz"))
    }
    table = device.get("flop_per_sm_cycle")
    sms = int(figure_of(device, "sm_count"))
    if isinstance(table, Mapping):
        per_cycle |= {pipe: value * sms for pipe, value in table.items() if pipe not in per_cycle and value * sms}
    dram_clock = figure_of(device, "max_dram_clock_khz") * 1e3
    bytes_per_cycle = _largest_ratio(launches, "dram_peak_bytes_per_s", "dram_clock_hz")
    bandwidth = bytes_per_cycle * dram_clock if bytes_per_cycle else None
    if not bandwidth:
        bandwidth = figure_of(device, "dram_bus_width_bits") / 8 * 2 * dram_clock  # two transfers per clock
    return DeviceSpec(
        name=name,
        sku=name,
        source="the report's own peak_sustained x the device's highest clocks",
        peak_flop_per_s={pipe: value * clock for pipe, value in per_cycle.items() if clock},
        dram_bytes_per_s=bandwidth or None,
        sm_count=sms or None,
        boost_clock_hz=clock or None,
        l2_cache_bytes=figure_of(device, "l2_cache_bytes") or None,
    )


def figure_of(device: Attributes, name: str) -> float:
    """A number that the report says of its GPU; 0 where it says none."""
    value = device.get(name)
    return value if isinstance(value, int | float) else 0


def _largest_ratio(launches: pl.DataFrame, a: str, b: str) -> float | None:
    ratio = (launches[a] / launches[b]).max()
    return ratio if isinstance(ratio, float) else None
