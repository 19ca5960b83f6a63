"""The profiled GPU of a report: by its display name, else made of the report's own peaks and clocks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import format_si
from roofprof.hardware.devices import PIPES, DeviceSpec, recognise_gpu

DRAM_TOLERANCE = 0.05
"""Sheets round, and memory clocks of one card vary by a few per cent."""
RATE_TOLERANCE = 0.10
"""Rates per SM and cycle are powers of two: what differs at all differs by a factor, beside a sheet's rounded clock."""

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
    if spec := recognise_gpu(name, figure_of(device, "sm_count")):
        return ProfiledGpu(spec, tuple(_against_sheet(report, name, spec, launches, device)))
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


def _against_sheet(
    report: str, name: str, spec: DeviceSpec, launches: pl.DataFrame, device: Attributes
) -> Iterator[Finding]:
    """One finding where the report's GPU is not what the sheet of its name says: a cut-down SKU, another memory."""
    sms, own = figure_of(device, "sm_count"), _from_report(name, launches, device)
    differ: list[tuple[str, str, float | None, float | None, str]] = []
    if sms and spec.sm_count and sms != spec.sm_count:
        differ.append(("SMs", "sm_count", spec.sm_count, sms, ""))
    if _apart(own.dram_bytes_per_s, spec.dram_bytes_per_s, DRAM_TOLERANCE):
        differ.append(("DRAM peak", "dram_bytes_per_s", spec.dram_bytes_per_s, own.dram_bytes_per_s, "B/s"))
    for pipe, rate in _per_sm_cycle(launches).items():
        peak, clock = spec.peak_flop_per_s.get(pipe), spec.clock_of(pipe)
        sheet = peak / clock / spec.sm_count if peak and clock and spec.sm_count else None
        if _apart(rate, sheet, RATE_TOLERANCE):
            differ.append((f"{pipe} per SM and cycle", f"{pipe}_flop_per_sm_cycle", sheet, rate, ""))
    if differ:
        texts = [
            f"{what} {format_si(sheet, unit)} by the sheet, {format_si(found, unit)} here"
            for what, _, sheet, found, unit in differ
        ]
        yield Finding(
            "gpu-sheet-mismatch", Severity.DOUBTFUL,
            f"{name} is not what its datasheet ({spec.name}: {spec.sku}) says: {'; '.join(texts)}",
            "fractions of the roof are of the sheet's; give this GPU's own with a TOML file: --gpu FILE",
            report=report,
            values={"sheet": spec.name, "differ": {key: {"sheet": a, "report": b} for _, key, a, b, _ in differ}},
        )  # fmt: skip


def _apart(a: float | None, b: float | None, tolerance: float) -> bool:
    return a is not None and b is not None and a > 0 and abs(a / b - 1) > tolerance


def _per_sm_cycle(launches: pl.DataFrame) -> dict[str, float]:
    """What the report states of each pipe, in FLOPs per SM and cycle."""
    per_cycle = {pipe: launches[f"peak_{pipe}_flop_per_s"] / launches["sm_clock_hz"] for pipe in PIPES}
    rates = {pipe: (values / launches["sm_count"]).max() for pipe, values in per_cycle.items()}
    return {pipe: rate for pipe, rate in rates.items() if isinstance(rate, float)}


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
        source="the report's own peak_sustained, or the rates of its chip's table, x the device's highest clocks",
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
