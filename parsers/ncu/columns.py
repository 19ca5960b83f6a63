"""How the values of metrics become our columns: planned once per set of metric names, then arithmetic on arrays.

Planning needs the standard library only, because ncu_report's own process plans too; numpy comes with the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roofprof.hardware.chip import Chip, PipeCounter, common_counters
from roofprof.hardware.opcodes import CORE_PIPES, THREAD_OPCODES, WARP_OPCODES
from roofprof.launches.how import furthest
from roofprof.parsers.ncu import arithmetic
from roofprof.parsers.ncu.forms import DURATIONS, Form, cycle_forms, dram_percent, forms

if TYPE_CHECKING:
    from roofprof.parsers.ncu.arithmetic import Column, Reading, Values

SECTOR_BYTES = 32
WARP_LANES = 32

_SCALES = {
    "l2_read_bytes": SECTOR_BYTES,
    "l2_write_bytes": SECTOR_BYTES,
    "l1_fill_bytes": 1,
    "l1_write_bytes": 1,
    "mufu_count": WARP_LANES,
}
"""Columns that are one counter, and what one count stands for."""

LINK = {
    "link_tx_bytes": "nvltx__bytes_data_user.sum",
    "link_rx_bytes": "nvlrx__bytes_data_user.sum",
    "link_tx_raw_bytes": "nvltx__bytes.sum",
    "link_rx_raw_bytes": "nvlrx__bytes.sum",
}
"""NVLink counters: most reports have none, and lack nothing without them."""


@dataclass(frozen=True)
class Plan:
    """How to fill the columns of launches from the metrics that they hold."""

    metrics: tuple[str, ...]
    """The metrics to touch, no others."""
    readings: Mapping[str, Reading]
    missing: Mapping[str, str]
    """Column -> the metric that would fill it."""
    dram_bytes_from: str | None
    how: Mapping[str, str]
    """Column -> one of `schema.HOW`, for those that no counter of their own fills."""
    histograms: tuple[str, ...] = ()
    """Metrics whose instances are read, because a column needs them."""
    opcode_pipes: tuple[str, ...] = ()
    """Pipes whose FLOPs the histograms give."""
    counted_pipes: frozenset[str] = frozenset()
    """Pipes that a counter gives."""

    def columns(self, values: Values) -> dict[str, Column | None]:
        """The columns of some launches, those of the histograms left out."""
        return {column: reading(values) for column, reading in self.readings.items()}


@dataclass
class _Planner:
    names: frozenset[str]
    metrics: dict[str, None] = field(default_factory=dict)  # a set that keeps order
    readings: dict[str, Reading] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)

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
                self.readings[column] = arithmetic.scaled(arithmetic.metric(metric), scale)
                return
        self.missing[column] = candidates[0]
        self.readings[column] = arithmetic.unknown

    def offers(self, base: str) -> bool:
        """Whether the report holds a counter in any form."""
        return any(self.names.issuperset(form.metrics) for form in forms(base))

    def first(self, offered: Iterable[Form]) -> Form | None:
        """The first form that the report holds."""
        return next((form for form in offered if self.use(*form.metrics)), None)

    def count(self, column: str, base: str) -> Reading | None:
        """A counter in the first form that the report holds; how is noted for the column."""
        form = self.first(forms(base))
        if form is None:
            return None
        if how := furthest(self.how.get(column), form.how):
            self.how[column] = how
        return arithmetic.formed(form)

    def counter(self, column: str, *bases: str, scale: float = 1.0) -> None:
        """The first counter that the report offers in any form."""
        for base in bases:
            if reading := self.count(column, base):
                self.readings[column] = arithmetic.scaled(reading, scale)
                return
        self.missing[column] = f"{bases[0]}.sum"
        self.readings[column] = arithmetic.unknown

    def weighted(self, column: str, alternatives: Iterable[Mapping[str, int]]) -> bool:
        """A weighted sum of counters, from the first alternative that is whole; whether there is one."""
        absent_of_first: list[str] = []
        for weights in alternatives:
            absent = [f"{base}.sum" for base in weights if not self.offers(base)]
            if not absent:
                terms = [(self.count(column, base), weight) for base, weight in weights.items()]
                self.readings[column] = arithmetic.summed(terms)
                return True
            absent_of_first = absent_of_first or absent
        self.missing[column] = ",".join(absent_of_first) or WARP_OPCODES
        self.readings[column] = arithmetic.unknown
        return False


def plan_columns(chip: Chip, names: frozenset[str]) -> Plan:
    """Work out, once per set of metric names, which metrics fill which columns."""
    p = _Planner(names)
    p.plain("duration_ns", *DURATIONS)
    p.plain(
        "sm_clock_hz", "sm__cycles_elapsed.avg.per_second", "smsp__cycles_elapsed.avg.per_second",
        "gpc__cycles_elapsed.avg.per_second",
    )  # fmt: skip
    p.plain("dram_clock_hz", "dram__cycles_elapsed.avg.per_second")
    cycles = p.first(cycle_forms())
    p.readings["sm_cycles_elapsed"] = arithmetic.formed(cycles, whole=False) if cycles else arithmetic.unknown
    source = _plan_dram(p, chip)
    for column, scale in _SCALES.items():
        p.counter(column, chip.counters[column], scale=scale)
    counted = frozenset(pipe for pipe, c in chip.pipes.items() if p.weighted(f"{pipe}_flop_count", c.alternatives))
    for pipe, counter in chip.pipes.items():
        _plan_peak(p, pipe, counter)
    if "fp16" in chip.pipes:
        halves = [dict.fromkeys(weights, 1) for weights in chip.pipes["fp16"].alternatives]
        p.weighted("half_instruction_count", halves)
    _plan_tensor_pipe(p, chip)
    _plan_launch(p)
    pipes = _plan_opcodes(p, chip, counted)
    for column, metric in LINK.items():
        p.plain(column, metric)
    p.missing = {c: m for c, m in p.missing.items() if not c.startswith("peak_") and c not in LINK}
    histograms = tuple(h for h in (WARP_OPCODES, THREAD_OPCODES) if any(_histogram(pipe) == h for pipe in pipes))
    return Plan(tuple(p.metrics), p.readings, p.missing, source, p.how, histograms, pipes, counted)


def _histogram(pipe: str) -> str:
    """Which histogram tells a pipe's work: a predicate switches off single lanes of the CUDA cores."""
    return THREAD_OPCODES if pipe in CORE_PIPES else WARP_OPCODES


def _plan_opcodes(p: _Planner, chip: Chip, counted: frozenset[str]) -> tuple[str, ...]:
    """The pipes that no counter gives and a histogram of opcodes does."""
    pipes = tuple(pipe for pipe in chip.pipes if pipe not in counted and _histogram(pipe) in p.names)
    columns = [f"{pipe}_flop_count" for pipe in pipes]
    if "fp16" in pipes and "half_instruction_count" in p.missing:
        columns.append("half_instruction_count")
    for column in columns:
        p.how[column] = "opcodes"
        p.missing.pop(column, None)
    return pipes


def _plan_dram(p: _Planner, chip: Chip) -> str | None:
    """DRAM bytes, and how they were derived."""
    peak, clock = "dram__bytes.sum.peak_sustained", "dram__cycles_elapsed.avg.per_second"
    if p.use(peak, clock):
        p.readings["dram_peak_bytes_per_s"] = lambda v: arithmetic.product(v.get(peak), v.get(clock))
    else:
        p.plain("dram_peak_bytes_per_s", f"{peak}_elapsed.per_second")
        p.missing.pop("dram_peak_bytes_per_s", None)
    columns = ("dram_read_bytes", "dram_write_bytes")
    names = [chip.counters[c] for c in columns]
    if not all(p.offers(n) for n in names):
        names = [common_counters()[c] for c in columns]
    read, write = (p.count(column, name) for column, name in zip(columns, names, strict=True))
    p.readings["dram_read_bytes"], p.readings["dram_write_bytes"] = (
        read or arithmetic.unknown,
        write or arithmetic.unknown,
    )
    for column, reading, name in zip(columns, (read, write), names, strict=True):
        if reading is None:
            p.missing[column] = f"{name}.sum"
    if read and write:
        if how := furthest(*(p.how.get(column) for column in columns)):
            p.how["dram_bytes"] = how
        p.readings["dram_bytes"] = lambda v: arithmetic.added(read(v), write(v))
    elif total := p.count("dram_bytes", "dram__bytes"):
        p.readings["dram_bytes"] = total
    elif percent := p.first(dram_percent()) if chip.dram_percent_exact else None:
        p.how["dram_bytes"] = percent.how
        p.readings["dram_bytes"] = arithmetic.formed(percent, whole=False)
    else:
        p.readings["dram_bytes"] = arithmetic.unknown
        p.missing["dram_bytes"] = ",".join(f"{name}.sum" for name in names)
        return None
    return {None: "sum", "rate": "per_second x duration"}.get(p.how.get("dram_bytes"), "percent of peak")


def _plan_peak(p: _Planner, pipe: str, counter: PipeCounter) -> None:
    """The dense peak at the clock of the launch: op per cycle by the report x the measured SM clock."""
    column, metric = f"peak_{pipe}_flop_per_s", f"{counter.peak}.sum.peak_sustained"
    clock = p.readings["sm_clock_hz"]
    if counter.peak and p.use(metric):
        weight = counter.peak_weight
        p.readings[column] = lambda v: arithmetic.times(arithmetic.product(v.get(metric), clock(v)), weight)
    else:
        p.readings[column] = arithmetic.unknown


def _plan_tensor_pipe(p: _Planner, chip: Chip) -> None:
    """Cycles with the tensor pipe active, mean over SMs; the largest where a chip has several such pipes."""
    cycles = p.readings["sm_cycles_elapsed"]
    found: list[Reading] = []
    for base in chip.tensor_pipe_active:
        percent = f"{base}.avg.pct_of_peak_sustained_elapsed"
        if p.use(f"{base}.avg"):
            found.append(arithmetic.metric(f"{base}.avg"))
        elif p.use(percent):
            found.append(arithmetic.share(percent, cycles))
    p.readings["tensor_pipe_active_cycles"] = lambda v: arithmetic.largest([reading(v) for reading in found])
    if half := chip.half_on_tensor_pipe:
        p.counter("tensor_pipe_half_warp_count", half)
        p.missing.pop("tensor_pipe_half_warp_count", None)
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
