"""How the values of metrics become our columns: planned once per set of metric names, then arithmetic on arrays.

Planning needs the standard library only, because ncu_report's own process plans too; numpy comes with the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roofprof.hardware.chip import Chip, PipeCounter, common_counters

SECTOR_BYTES = 32
WARP_LANES = 32

# A count may be offered as itself, per elapsed cycle or per second. NVIDIA's sets hold the instruction
# counters per cycle only; times the cycles of the same launch that gives the exact count back.
_CYCLES = {"smsp": "smsp__cycles_elapsed.avg", "sm": "sm__cycles_elapsed.avg"}
_DURATION = "gpu__time_duration.sum"
_SCALES = {
    "l2_read_bytes": SECTOR_BYTES,
    "l2_write_bytes": SECTOR_BYTES,
    "l1_fill_bytes": 1,
    "l1_write_bytes": 1,
    "mufu_count": WARP_LANES,
}
"""Columns that are one counter, and what one count stands for."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    """A value per launch, NaN where it is unknown."""
    Values = Mapping[str, Column]
    Reading = Callable[[Values], Column | None]
    """None where no launch can have the column."""


@dataclass(frozen=True)
class Plan:
    """How to fill the columns of launches from the metrics that they hold."""

    metrics: tuple[str, ...]
    """The metrics to touch, no others."""
    readings: Mapping[str, Reading]
    missing: Mapping[str, str]
    """Column -> the metric that would fill it."""
    dram_bytes_from: str | None

    def columns(self, values: Values) -> dict[str, Column | None]:
        """The columns of some launches."""
        return {column: reading(values) for column, reading in self.readings.items()}


@dataclass
class _Planner:
    names: frozenset[str]
    metrics: dict[str, None] = field(default_factory=dict)  # a set that keeps order
    readings: dict[str, Reading] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def use(self, *metrics: str) -> bool:
        """Whether the report holds all of these; if so they will be touched."""
        if not all(m in self.names for m in metrics):
            return False
        self.metrics.update(dict.fromkeys(metrics))
        return True

    def plain(self, column: str, *candidates: str, scale: float = 1.0) -> None:
        """The first candidate that the report holds, as it stands."""
        for metric in candidates:
            if self.use(metric):
                self.readings[column] = _scaled(_metric(metric), scale)
                return
        self.missing[column] = candidates[0]
        self.readings[column] = _unknown

    def forms(self, base: str) -> tuple[str, ...]:
        """The metrics that give a counter: .sum, else its rate per cycle, else per second; () where none do."""
        cycles = _CYCLES.get(base.split("__", 1)[0], "")
        rates = ((f"{base}.sum.per_cycle_elapsed", cycles), (f"{base}.sum.per_second", _DURATION))
        offers = ((f"{base}.sum",), *rates)
        return next((metrics for metrics in offers if self.names.issuperset(metrics)), ())

    def offers(self, base: str) -> bool:
        """Whether the report holds a counter in any form."""
        return bool(self.forms(base))

    def count(self, base: str) -> Reading | None:
        """A counter in the first form that the report holds."""
        metrics = self.forms(base)
        self.use(*metrics)
        if not metrics:
            return None
        if len(metrics) == 1:
            return _metric(metrics[0])
        rate, times = metrics
        scale = 1e-9 if times == _DURATION else 1.0
        return lambda v: _rounded(_times(_product(v.get(rate), v.get(times)), scale))

    def counter(self, column: str, *bases: str, scale: float = 1.0) -> None:
        """The first counter that the report offers in any form."""
        for base in bases:
            if reading := self.count(base):
                self.readings[column] = _scaled(reading, scale)
                return
        self.missing[column] = f"{bases[0]}.sum"
        self.readings[column] = _unknown

    def weighted(self, column: str, alternatives: Iterable[Mapping[str, int]]) -> None:
        """A weighted sum of counters, from the first alternative that is whole."""
        absent_of_first: list[str] = []
        for weights in alternatives:
            absent = [f"{base}.sum" for base in weights if not self.offers(base)]
            if not absent:
                terms = [(self.count(base), weight) for base, weight in weights.items()]
                self.readings[column] = _summed(terms)
                return
            absent_of_first = absent_of_first or absent
        self.missing[column] = ",".join(absent_of_first)
        self.readings[column] = _unknown


def plan_columns(chip: Chip, names: frozenset[str]) -> Plan:
    """Work out, once per set of metric names, which metrics fill which columns."""
    p = _Planner(names)
    p.plain("duration_ns", _DURATION, "gpu__time_duration.avg")
    p.plain(
        "sm_clock_hz", "sm__cycles_elapsed.avg.per_second", "smsp__cycles_elapsed.avg.per_second",
        "gpc__cycles_elapsed.avg.per_second",
    )  # fmt: skip
    p.plain("dram_clock_hz", "dram__cycles_elapsed.avg.per_second")
    p.plain("sm_cycles_elapsed", "sm__cycles_elapsed.avg", "smsp__cycles_elapsed.avg", "gpc__cycles_elapsed.max")
    source = _plan_dram(p, chip)
    for column, scale in _SCALES.items():
        p.counter(column, chip.counters[column], scale=scale)
    for pipe, counter in chip.pipes.items():
        p.weighted(f"{pipe}_flop_count", counter.alternatives)
        _plan_peak(p, pipe, counter)
    if "fp16" in chip.pipes:
        halves = [dict.fromkeys(weights, 1) for weights in chip.pipes["fp16"].alternatives]
        p.weighted("half_instruction_count", halves)
    _plan_tensor_pipe(p, chip)
    _plan_launch(p)
    p.missing = {c: m for c, m in p.missing.items() if not c.startswith("peak_")}
    return Plan(tuple(p.metrics), p.readings, p.missing, source)


def _plan_dram(p: _Planner, chip: Chip) -> str | None:
    """DRAM bytes, and how they were derived."""
    peak, clock = "dram__bytes.sum.peak_sustained", "dram__cycles_elapsed.avg.per_second"
    if p.use(peak, clock):
        p.readings["dram_peak_bytes_per_s"] = lambda v: _product(v.get(peak), v.get(clock))
    else:
        p.plain("dram_peak_bytes_per_s", f"{peak}_elapsed.per_second")
        p.missing.pop("dram_peak_bytes_per_s", None)
    columns = ("dram_read_bytes", "dram_write_bytes")
    names = [chip.counters[c] for c in columns]
    if not all(p.offers(n) for n in names):
        names = [common_counters()[c] for c in columns]
    read, write = (p.count(n) for n in names)
    p.readings["dram_read_bytes"], p.readings["dram_write_bytes"] = read or _unknown, write or _unknown
    for column, reading, name in zip(columns, (read, write), names, strict=True):
        if reading is None:
            p.missing[column] = f"{name}.sum"
    if read and write:
        p.readings["dram_bytes"] = lambda v: _sum(read(v), write(v))
        return "sum" if f"{names[0]}.sum" in p.names else "per_second x duration"
    total = p.count("dram__bytes")
    p.readings["dram_bytes"] = total or _unknown
    if total is None:
        p.missing["dram_bytes"] = ",".join(f"{name}.sum" for name in names)
        return None
    return "sum" if "dram__bytes.sum" in p.names else "per_second x duration"


def _plan_peak(p: _Planner, pipe: str, counter: PipeCounter) -> None:
    """The dense peak at the clock of the launch: op per cycle by the report x the measured SM clock."""
    column, metric = f"peak_{pipe}_flop_per_s", f"{counter.peak}.sum.peak_sustained"
    clock = p.readings["sm_clock_hz"]
    if counter.peak and p.use(metric):
        weight = counter.peak_weight
        p.readings[column] = lambda v: _times(_product(v.get(metric), clock(v)), weight)
    else:
        p.readings[column] = _unknown


def _plan_tensor_pipe(p: _Planner, chip: Chip) -> None:
    """Cycles with the tensor pipe active, mean over SMs; the largest where a chip has several such pipes."""
    cycles = p.readings["sm_cycles_elapsed"]
    found: list[Reading] = []
    for base in chip.tensor_pipe_active:
        percent = f"{base}.avg.pct_of_peak_sustained_elapsed"
        if p.use(f"{base}.avg"):
            found.append(_metric(f"{base}.avg"))
        elif p.use(percent):
            found.append(_share(percent, cycles))
    p.readings["tensor_pipe_active_cycles"] = lambda v: _largest([reading(v) for reading in found])
    if not found:
        p.missing["tensor_pipe_active_cycles"] = f"{chip.tensor_pipe_active[0]}.avg.pct_of_peak_sustained_elapsed"


_LAUNCH = {
    "grid_x": "launch__grid_dim_x",
    "grid_y": "launch__grid_dim_y",
    "grid_z": "launch__grid_dim_z",
    "block_x": "launch__block_dim_x",
    "block_y": "launch__block_dim_y",
    "block_z": "launch__block_dim_z",
    "thread_count": "launch__thread_count",
    "registers_per_thread": "launch__registers_per_thread",
    "waves_per_sm": "launch__waves_per_multiprocessor",
    "shared_memory_per_block_bytes": "launch__shared_mem_per_block",
    "cluster_size": "launch__cluster_size",
    "replay_passes": "profiler__replayer_passes",
}


def _plan_launch(p: _Planner) -> None:
    for column, metric in _LAUNCH.items():
        p.plain(column, metric)
    p.plain("achieved_occupancy", "sm__warps_active.avg.pct_of_peak_sustained_active", scale=0.01)
    p.plain("theoretical_occupancy", "sm__maximum_warps_per_active_cycle_pct", scale=0.01)


def _unknown(_: Values) -> None:
    return None


def _metric(name: str) -> Reading:
    return lambda values: values.get(name)


def _scaled(reading: Reading, factor: float) -> Reading:
    return lambda values: _times(reading(values), factor)


def _share(percent: str, whole: Reading) -> Reading:
    return lambda values: _times(_product(values.get(percent), whole(values)), 0.01)


def _summed(terms: Sequence[tuple[Reading | None, int]]) -> Reading:
    return lambda values: _weighted_sum(values, terms)


def _times(value: Column | None, factor: float) -> Column | None:
    return None if value is None else value * factor


def _product(a: Column | None, b: Column | None) -> Column | None:
    return None if a is None or b is None else a * b


def _sum(a: Column | None, b: Column | None) -> Column | None:
    return None if a is None or b is None else a + b


def _rounded(value: Column | None) -> Column | None:
    """A count that was multiplied back from a rate: an integer again."""
    return None if value is None else value.round()


def _largest(columns: Iterable[Column | None]) -> Column | None:
    """The largest of those that are known, launch by launch."""
    import numpy as np

    known = [column for column in columns if column is not None]
    return np.fmax.reduce(known) if known else None


def _weighted_sum(values: Values, terms: Iterable[tuple[Reading | None, int]]) -> Column | None:
    total: Column | None = None
    for reading, weight in terms:
        value = reading(values) if reading else None
        if value is None:
            return None
        total = weight * value if total is None else total + weight * value
    return total
