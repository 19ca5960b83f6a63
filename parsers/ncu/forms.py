"""The forms in which a report may offer one count: itself, per second, per cycle, in percent of the peak.

NVIDIA's sets hold the instruction counters per cycle only; times the cycles of the same launch that gives the count
back. Which cycles a report holds depends on its version. Standard library only.
"""

from dataclasses import dataclass
from functools import cache

DURATIONS = ("gpu__time_duration.sum", "gpu__time_duration.avg")
"""In ns; equal, for there is one."""
SMS = "device__attribute_multiprocessor_count"
_UNITS_PER_SM = {"smsp": 4, "sm": 1}
_NS = 1e-9
_PERCENT, _BITS_PER_BYTE, _TRANSFERS_PER_CLOCK = 0.01, 8, 2
DRAM_PERCENT = "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed"
DRAM_CLOCK = "dram__cycles_elapsed.avg.per_second"
_BUS_BITS = ("device__attribute_global_memory_bus_width", "device__attribute_fb_bus_width")


@dataclass(frozen=True, slots=True)
class Form:
    """A product of metrics that is a count."""

    how: str
    """One of `schema.HOW`, or empty for the counter itself."""
    factors: tuple[str, ...]
    scale: float = 1.0
    over: str | None = None
    """A metric that divides."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that it needs."""
        return (*self.factors, self.over) if self.over else self.factors


@cache
def forms(base: str) -> tuple[Form, ...]:
    """The forms of a counter by its base name, the nearest to the counter first."""
    unit = base.split("__", 1)[0]
    per_cycle = f"{base}.sum.per_cycle_elapsed"
    found = [Form("", (f"{base}.sum",)), *(Form("rate", (f"{base}.sum.per_second", d), _NS) for d in DURATIONS)]
    if units := _UNITS_PER_SM.get(unit):
        cycles = f"{unit}__cycles_elapsed"
        found += [
            Form("per_cycle", (per_cycle, f"{cycles}.avg")),
            Form("per_cycle", (per_cycle, f"{cycles}.sum"), 1 / units, over=SMS),
            *(Form("per_cycle", (per_cycle, f"{cycles}.avg.per_second", d), _NS) for d in DURATIONS),
        ]
    return tuple(found)


@cache
def cycle_forms() -> tuple[Form, ...]:
    """Cycles of an SM while the kernel ran, mean over SMs."""
    counts = [Form("", (f"{unit}__cycles_elapsed.avg",)) for unit in ("sm", "smsp")]
    sums = [Form("", (f"{u}__cycles_elapsed.sum",), 1 / n, over=SMS) for u, n in _UNITS_PER_SM.items()]
    rates = [Form("", (f"{u}__cycles_elapsed.avg.per_second", d), _NS) for u in _UNITS_PER_SM for d in DURATIONS]
    return (*counts, *sums, *rates, Form("", ("gpc__cycles_elapsed.max",)))


@cache
def dram_percent() -> tuple[Form, ...]:
    """DRAM bytes by the throughput in percent of the peak, which is clock x bus width x two transfers."""
    found = []
    for duration in DURATIONS:
        scale = _PERCENT * _TRANSFERS_PER_CLOCK / _BITS_PER_BYTE
        by_rate = [
            Form("percent_of_peak", (DRAM_PERCENT, bits, DRAM_CLOCK, duration), scale * _NS) for bits in _BUS_BITS
        ]
        by_count = [
            Form("percent_of_peak", (DRAM_PERCENT, bits, "dram__cycles_elapsed.avg"), scale) for bits in _BUS_BITS
        ]
        found += [*by_rate, *by_count]
    return tuple(dict.fromkeys(found))
