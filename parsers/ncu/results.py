"""What a report says of its results, whichever reader read it, on the way to the launch frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from roofprof.formats.ncu_rep_nvtx import OpenRanges
from roofprof.formats.ncu_rep_results import Number
from roofprof.hardware.chip import Chip, chip_of_capability
from roofprof.hardware.opcodes import OpcodeWork
from roofprof.parsers.ncu.columns import Plan, plan_columns
from roofprof.parsers.ncu.unknown_chip import chip_by_pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEVICE_INDEX = "device__attribute_device_index"
UNKNOWN_DEVICE = "unknown"
DEVICE_METRICS = {
    "device_name": "device__attribute_display_name",
    "sm_count": "device__attribute_multiprocessor_count",
    "compute_capability_major": "device__attribute_compute_capability_major",
    "compute_capability_minor": "device__attribute_compute_capability_minor",
    "max_sm_clock_khz": "device__attribute_max_gpu_frequency_khz",
    "max_dram_clock_khz": "device__attribute_max_mem_frequency_khz",
    "dram_bus_width_bits": "device__attribute_fb_bus_width",
    "l2_cache_bytes": "device__attribute_l2_cache_size",
    "total_memory_bytes": "device__attribute_total_memory",
    "ecc_enabled": "device__attribute_ecc_enabled",
}

Progress = Callable[[int, int], None]
"""Called with (launches read, launches in all)."""
Device = dict[str, Number | str | Mapping[str, float] | None]
"""Attributes of a device; `flop_per_sm_cycle` is a mapping, pipe to FLOPs."""


@dataclass(frozen=True, slots=True)
class MetricGroup:
    """Launches of one device that hold the same metrics."""

    launches: NDArray[np.int64]
    """Places in the report, from 0."""
    device: str
    """Key among `Results.devices`."""
    chip: Chip
    plan: Plan
    values: Mapping[str, NDArray[np.float64]]
    """Metric to its value in each of the launches, NaN where it has none; the metrics of the plan."""
    opcodes: Sequence[OpcodeWork | None] = ()
    """What the histograms of each of the launches say, where the plan has some read; None where one has none."""


@dataclass(slots=True)
class Results:
    """The results of a report in file order, one entry per list and result."""

    workload: list[str] = field(default_factory=list)
    """kernel, range, graph or command_list."""
    process_id: list[int | None] = field(default_factory=list)
    function: list[str] = field(default_factory=list)
    demangled: list[str] = field(default_factory=list)
    nvtx: list[list[OpenRanges]] = field(default_factory=list)
    grid: list[tuple[int, int, int] | None] = field(default_factory=list)
    """Used where the launch has no metric that says it, as `block`."""
    block: list[tuple[int, int, int] | None] = field(default_factory=list)
    groups: list[MetricGroup] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)


class LeftOpen(TypedDict):
    """What the metrics of a report leave open."""

    missing: dict[str, dict[str, int]]
    """Column to the metrics that would fill it, with the number of launches that lack them."""
    unknown_chips: dict[str, int]
    """Chip without a table to its number of launches."""


def plan_for(names: frozenset[str], device: Device) -> tuple[Chip, Plan]:
    """Chip and plan for launches that hold metrics of these names on a device."""
    major, minor = device["compute_capability_major"], device["compute_capability_minor"]
    known = isinstance(major, int | float) and isinstance(minor, int | float)
    capability = f"{major:.0f}.{minor:.0f}" if known else None
    chip = chip_of_capability(capability, str(device["device_name"])) if capability else None
    if chip is None:
        chip = chip_by_pattern(names, f"cc{capability}" if capability else "unknown")
    return chip, plan_columns(chip, names)


def flop_per_sm_cycle(chip: Chip) -> dict[str, float]:
    """Dense FLOPs that an SM does in a cycle, by the chip's table."""
    return {pipe: c.flop_per_sm_cycle for pipe, c in chip.pipes.items() if c.flop_per_sm_cycle}
