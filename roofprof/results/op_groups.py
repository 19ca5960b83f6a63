"""Groups of figures in an op's result: by formula, on the profiled GPU, useful, spread. Names are report.json's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from roofprof.hardware.ceilings import ORIGINS, READ_SHARES
from roofprof.hardware.devices import PIPES
from roofprof.results.columns import Column, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaResult:
    """What the formula asks for."""

    name: Annotated[str, Column("text", "Name of the formula, docs/formulas.md", "formula", in_ops_csv="formula")]
    shape: Annotated[
        Mapping[str, int | float | str],
        Column("text", "Sizes and precision it was evaluated at", "formula", in_ops_csv=None),
    ]
    flop_count: Annotated[float, Column("FLOP", "FLOPs by formula", "formula")]
    dram_bytes: Annotated[float, Column("B", "Compulsory DRAM bytes by formula", "formula")]
    arithmetic_intensity: Annotated[float | None, Column("FLOP/B", "Formula FLOPs / formula bytes", "formula")]
    dram_read_bytes: Annotated[float, Column("B", "Inputs, each read once", "formula", in_ops_csv=None)]
    dram_write_bytes: Annotated[float, Column("B", "Outputs, each written once", "formula", in_ops_csv=None)]
    pipe: Annotated[str, Column("text", "Pipe that does the formula's FLOPs", "formula", in_ops_csv=None, values=PIPES)]
    bound: Annotated[
        str | None,
        Column("text", "Roof that binds the formula's work on the target GPU", "roofs", in_ops_csv=None,
               values=("memory", "compute", "communication")),
    ] = None  # fmt: skip
    attainable_flop_per_s: Annotated[
        float | None,
        Column("FLOP/s", "Attainable rate of the formula's work on the target GPU", "roofs", in_ops_csv=None),
    ] = None
    precision_source: Annotated[
        str | None,
        Column("text", "`counters` where the range's name gives sizes alone: precision of most executed FLOPs",
               "formula", in_ops_csv=None, values=("counters",)),
    ] = None  # fmt: skip
    source: Annotated[
        str, Column("text", "Where this side is from", "formula", in_ops_csv=None, values=("formula",))
    ] = "formula"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOn:
    """The op against the profiled GPU."""

    gpu: Annotated[str, Column("text", "GPU that was profiled", "ncu")]
    bound: Annotated[
        str | None,
        Column("text", "Roof that binds the measured work; latency where neither comes near", "roofs",
               values=("memory", "compute", "latency", "communication")),
    ]  # fmt: skip
    ridge_point: Annotated[
        float | None, Column("FLOP/B", "AI at which its roofs meet for this mix of pipes", "roofs", in_ops_csv=None)
    ]
    attainable_flop_per_s: Annotated[
        float | None, Column("FLOP/s", "Attainable rate by its datasheet", "roofs", in_ops_csv=None)
    ]
    achieved_flop_per_s: Annotated[
        float | None, Column("FLOP/s", "Executed FLOPs / time", "computed", in_ops_csv="achieved_flop_per_s")
    ]
    achieved_dram_bytes_per_s: Annotated[
        float | None, Column("B/s", "DRAM bytes / time", "computed", in_ops_csv="achieved_dram_bytes_per_s")
    ]
    roof_fraction: Annotated[
        float | None,
        Column("ratio", "Minimum time by the datasheet's roofs / time", "roofs", in_ops_csv="roof_fraction"),
    ]
    roof_fraction_at_clock: Annotated[
        float | None,
        Column("ratio", "The same with the dense peaks at the clocks of these very launches, over ncu's time", "roofs",
               in_ops_csv="roof_fraction_at_clock"),
    ]  # fmt: skip
    roof_fraction_measured: Annotated[
        float | None,
        Column("ratio", "Minimum time by the measured roofs / time", "roofs", in_ops_csv="roof_fraction_measured"),
    ] = None
    attainable_flop_per_s_measured: Annotated[
        float | None,
        Column("FLOP/s", "Attainable rate by the measured roofs", "roofs", in_ops_csv="attainable_flop_per_s_measured"),
    ] = None
    dram_mix: Annotated[
        str | None,
        Column("text", "Access mix whose measured bandwidth was used", "ncu", in_ops_csv="dram_mix",
               values=tuple(READ_SHARES)),
    ] = None  # fmt: skip
    measured_roofs: Annotated[
        str | None,
        Column("text", "Whose measured roofs: the profiled GPU's, or those shipped for a GPU of its name", "roofs",
               in_ops_csv="measured_roofs", values=ORIGINS),
    ] = None  # fmt: skip
    sm_clock_hz: Annotated[float | None, Column("Hz", "SM clock of the median call", "ncu", in_ops_csv="sm_clock_hz")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Useful:
    """The work that the formula asks for, where the row's own figures are what the hardware executed."""

    flop_count: Annotated[float, Column("FLOP", "FLOPs by formula", "formula")]
    arithmetic_intensity: Annotated[float | None, Column("FLOP/B", "Formula FLOPs / measured DRAM bytes", "computed")]
    achieved_flop_per_s: Annotated[float | None, Column("FLOP/s", "Formula FLOPs / time", "computed")]
    roof_fraction: Annotated[
        float | None, Column("ratio", "The formula's minimum time on the profiled GPU / time", "roofs")
    ]


@dataclass(frozen=True, slots=True)
class Range:
    """Of one figure, over an op's calls."""

    min: Annotated[float | None, Column("count", "minimum over calls", "ncu")]
    max: Annotated[float | None, Column("count", "maximum over calls", "ncu")]


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the calls of an op differ."""

    duration_ns: Annotated[Range, Group("ncu's time", "duration_ns_", unit="ns")]
    dram_bytes: Annotated[Range, Group("DRAM bytes", "dram_bytes_", in_ops_csv=False, unit="B")]
    flop_count: Annotated[Range, Group("Executed FLOPs", "flop_count_", in_ops_csv=False, unit="FLOP")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankShare:
    """One rank's part of an op: of the call that the row is."""

    rank: int
    duration_ns: float | None
    """By the row's `time_source`; of collectives never ncu's."""
    dram_bytes: float | None
    flop_count: float | None
    link_tx_bytes: float | None
    """NVLink user bytes that it sent."""
    graph_union_ns: float | None = None
    """Replayed from a CUDA graph, its median call; None where no graph was traced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDurations:
    """How the ranks' times of that call differ."""

    min: Annotated[float | None, Column("ns", "Time of the fastest rank, of the row's call", "nsys")]
    median: Annotated[float | None, Column("ns", "Median time of the ranks", "nsys")]
    max: Annotated[float | None, Column("ns", "Time of the slowest rank", "nsys")]
    argmax: Annotated[int | None, Column("count", "The slowest rank", "nsys")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSpread:
    """How the ranks differ."""

    duration_ns: Annotated[RankDurations, Group("Time of the row's call over ranks", "duration_ns_", in_ops_csv=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCall:
    """One call of a collective over ranks, by nsys."""

    call: int
    """From 0."""
    wait_ns: float | None
    """Longest less shortest time of a rank: what the first one to come waited for the last one."""
    straggler_rank: int | None
    """The last one to come; None where no rank was late."""
    duration_ns: list[float | None]
    """By rank, the wait included; None of a rank that is missing."""
    straggler_idle_ns: float | None = None
    """How much longer the last one's GPU stood idle than the first one's, since the collective before."""
