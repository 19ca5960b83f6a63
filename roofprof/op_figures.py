"""Groups of figures in an op's result: by formula, on the GPU that ran, useful. Field names are report.json's."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormulaResult:
    """The formula side of an op."""

    name: str
    shape: Mapping[str, int | float | str]
    flop_count: float
    dram_bytes: float
    arithmetic_intensity: float | None
    dram_read_bytes: float
    dram_write_bytes: float
    pipe: str
    bound: str | None = None
    """On the target GPU, like the op's own."""
    attainable_flop_per_s: float | None = None
    source: str = "formula"


@dataclass(frozen=True, slots=True)
class MeasuredOn:
    """The op against the GPU that ran it."""

    gpu: str
    bound: str | None
    ridge_point: float | None
    attainable_flop_per_s: float | None
    achieved_flop_per_s: float | None
    achieved_dram_bytes_per_s: float | None
    roof_fraction: float | None
    """Least time by the datasheet's roofs / measured time."""
    roof_fraction_at_clock: float | None
    """The same with the dense peaks at the clocks of these very launches."""
    sm_clock_hz: float | None
    roof_fraction_measured: float | None = None
    """Least time by the measured roofs / measured time; None without them."""
    attainable_flop_per_s_measured: float | None = None
    dram_mix: str | None = None
    """Access mix whose measured bandwidth was used: read, triad, copy or write."""


@dataclass(frozen=True, slots=True)
class Useful:
    """The work that the formula asks for, where the row's own figures are what the hardware executed."""

    flop_count: float
    arithmetic_intensity: float | None
    """Useful FLOPs / measured DRAM bytes."""
    achieved_flop_per_s: float | None
    roof_fraction: float | None
    """The formula's least time on the GPU that ran / measured time."""
