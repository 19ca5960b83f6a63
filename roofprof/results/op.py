"""Groups of figures in an op's result: by formula, on the GPU that ran, useful. Field names are report.json's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from roofprof.findings import Finding


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


@dataclass(frozen=True, slots=True)
class OpResult:
    """One op: its median call by duration. Field names are those of report.json."""

    op: str
    nvtx_path: list[str]
    report: str
    phase: str | None
    batch: int | None
    seq_len: int | None
    cache: str | None
    implementation: str | None
    calls: int
    kernels: list[int]
    duration_ns: float | None
    time_source: str
    dram_read_bytes: float | None
    dram_write_bytes: float | None
    dram_bytes: float | None
    dram_upper_bytes: float | None
    l2_bytes: float | None
    l1_fill_bytes: float | None
    flop_by_pipe: Mapping[str, float | None]
    flop_count: float | None
    mufu_count: float | None
    arithmetic_intensity: float | None
    arithmetic_intensity_lower: float | None
    arithmetic_intensity_l2: float | None
    arithmetic_intensity_l1_fill: float | None
    formula: FormulaResult | None
    work_ratio: float | None
    byte_ratio: float | None
    bound: str | None
    ridge_point: float | None
    attainable_flop_per_s: float | None
    roof_source: str
    """`projected` when the target is another GPU than the one that ran, else `datasheet`."""
    measured_on: MeasuredOn
    spread: Mapping[str, Mapping[str, float | None]]
    findings: list[Finding] = field(default_factory=list)
    source: str = "measured"
    nsys_duration_ns: float | None = None
    """Sum of the op's kernels under nsys, median over calls; likewise below."""
    nsys_union_ns: float | None = None
    nsys_projected_ns: float | None = None
    graph_union_ns: float | None = None
    """When the layer was replayed as a CUDA graph."""
    graph_projected_ns: float | None = None
    share: float | None = None
    """Of the time of all ops in the same layer, under nsys."""
    useful: Useful | None = None
    clock_outlier_count: int = 0
    """Calls left out of the median because their SM clock was far below the others'."""

    @property
    def time_ns(self) -> float | None:
        """The time that rates use: `time_source` says whose."""
        return self.nsys_union_ns if self.time_source == "nsys" else self.duration_ns

    @property
    def headroom_ns(self) -> float | None:
        """What running at the profiled GPU's roof would save per call: time x (1 - fraction of the roof).

        Never negative: an op above its roof (cold bytes over warm time, say) has nothing left to save.
        """
        fraction = self.measured_on.roof_fraction
        return None if self.time_ns is None or fraction is None else self.time_ns * max(0.0, 1 - fraction)

    @property
    def label(self) -> str:
        """Op and implementation."""
        return f"{self.op} ({self.implementation})" if self.implementation else self.op

    @property
    def case_key(self) -> tuple[str, str | None, int | None, int | None, str | None]:
        """What tells rows of different cases apart."""
        return self.report, self.phase, self.batch, self.seq_len, self.cache

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        own = {"findings": [f.as_dict() for f in self.findings], "headroom_ns": self.headroom_ns}
        return asdict(self) | own

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "OpResult":
        """The reverse of `as_dict`; unknown fields are left alone."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["formula"] = _build(FormulaResult, data["formula"]) if data.get("formula") else None
        known["measured_on"] = _build(MeasuredOn, data["measured_on"])
        known["useful"] = _build(Useful, data["useful"]) if data.get("useful") else None
        known["findings"] = [Finding.from_dict(f) for f in data["findings"]]
        return cls(**known)


def case_title(op: OpResult) -> str:
    """The case of a row in words."""
    length = {"decode": "KV length", "prefill": "new tokens"}.get(op.phase or "", "length")
    parts = [op.phase, op.batch and f"batch {op.batch}", op.seq_len and f"{length} {op.seq_len}"]
    words = ", ".join(str(p) for p in [*parts, op.cache and f"{op.cache} cache"] if p)
    return f"{op.report}: {words}" if words else op.report


def short_labels(ops: Sequence[OpResult], with_case: bool = True) -> list[str]:
    """A label for each row, with the implementation and, if asked for, the case only where a name stands twice."""
    names = Counter((op.case_key, op.op) for op in ops)
    cases = {op.case_key for op in ops}
    caches = {op.cache for op in ops}
    labels = []
    for op in ops:
        label = op.label if names[op.case_key, op.op] > 1 else op.op
        if with_case and len(cases) > 1:
            label += f" {(op.phase or '?')[0]}{op.batch or '?'}"
        if len(caches) > 1:
            label += f" {op.cache or '?'}"
        labels.append(label)
    return labels


_T = TypeVar("_T")


def _build(kind: type[_T], data: Mapping[str, Any]) -> _T:
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{key: value for key, value in data.items() if key in fields})
