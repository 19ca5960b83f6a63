"""RooflineReport: everything an analysis found, saved to and loaded from one JSON file.

Its layout is report.schema.json, beside this module; every table, file and picture is made from it alone.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from roofprof import __version__
from roofprof.ceilings import Ceilings
from roofprof.device import DeviceSpec, device_from_dict
from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.launches import LAUNCH_SCHEMA
from roofprof.op_figures import FormulaResult, MeasuredOn, Useful

SCHEMA_VERSION = 1

_ANALYSED = ("l2_bytes", "dram_upper_bytes", "flop_count", "fp16_left_out_flop_count", "arithmetic_intensity")

KERNEL_SCHEMA = pl.Schema(
    [(name, dtype) for name, dtype in LAUNCH_SCHEMA.items() if name != "nvtx"]
    + [("nvtx_path", pl.List(pl.String())), ("op", pl.String())]
    + [(name, pl.Float64()) for name in _ANALYSED]
)
"""One row a launch, in the order of reports and launches."""


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
    def time_to_win_ns(self) -> float | None:
        """What running at the roof of the GPU that ran would save a call: time x (1 - fraction of the roof)."""
        fraction = self.measured_on.roof_fraction
        return None if self.time_ns is None or fraction is None else self.time_ns * (1 - fraction)

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
        own = {"findings": [f.as_dict() for f in self.findings], "time_to_win_ns": self.time_to_win_ns}
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


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Launches in no range of the chosen domain."""

    launch_count: int
    duration_ns: float | None
    dram_bytes: float | None
    flop_count: float | None
    kernels: Sequence[Mapping[str, Any]]
    """Launch id, report and kernel name of each."""


@dataclass(frozen=True, slots=True)
class RooflineReport:
    """One analysis."""

    generated: str
    """ISO 8601, UTC."""
    gpu: DeviceSpec
    """The GPU that ran."""
    target: DeviceSpec
    """The GPU whose roofs `bound` and `attainable_flop_per_s` are."""
    notes: list[str]
    """What a reader of any output has to be told in words."""
    reports: list[Mapping[str, Any]]
    ops: list[OpResult]
    kernels: pl.DataFrame
    """`KERNEL_SCHEMA`."""
    unattributed: Unattributed
    findings: list[Finding]
    joins: Sequence[Mapping[str, Any]] = ()
    """One entry a report that was joined with an nsys trace."""
    ceilings: Ceilings | None = None
    """Measured roofs of the GPU that ran, where they were given."""

    @property
    def projected(self) -> bool:
        """Whether the target is another GPU than the one that ran."""
        return self.target.name != self.gpu.name

    def to_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "roofprof", "version": __version__},
            "generated": self.generated,
            "gpu": {**self.gpu.as_dict(), "role": "ran"},
            "target": {**self.target.as_dict(), "role": "projected" if self.projected else "ran"},
            "notes": self.notes,
            "reports": [dict(r) for r in self.reports],
            "ops": [op.as_dict() for op in self.ops],
            "kernels": self.kernels.to_dicts(),
            "unattributed": asdict(self.unattributed),
            "joins": [dict(join) for join in self.joins],
            "ceilings": self.ceilings.as_dict() if self.ceilings else None,
            "findings": [f.as_dict() for f in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RooflineReport":
        """The reverse of `to_dict`."""
        kernels = pl.DataFrame(data["kernels"], schema=KERNEL_SCHEMA, strict=False, orient="row")
        return cls(
            generated=data["generated"],
            gpu=device_from_dict(data["gpu"]),
            target=device_from_dict(data["target"]),
            notes=list(data["notes"]),
            reports=list(data["reports"]),
            ops=[OpResult.from_dict(op) for op in data["ops"]],
            kernels=kernels,
            unattributed=_build(Unattributed, data["unattributed"]),
            findings=[Finding.from_dict(f) for f in data["findings"]],
            joins=list(data.get("joins", ())),
            ceilings=Ceilings.from_dict(data["ceilings"]) if data.get("ceilings") else None,
        )

    def to_json(self) -> str:
        """One JSON document; whole numbers as such, unknown as null."""
        return json.dumps(_plain(self.to_dict()), ensure_ascii=False, allow_nan=False)


def load_report(path: Path) -> RooflineReport:
    """Load a saved report.json.

    Raises:
        ReportError: not JSON, or not a report of a version that this program knows.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(
            f"cannot read {path}: {error.strerror}", "give the report.json that analyze -o wrote"
        ) from None
    except ValueError as error:
        raise ReportError(f"{path} is not JSON: {error}", "give the report.json that analyze -o wrote") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ReportError(
            f"{path} is not a roofprof report of schema version {SCHEMA_VERSION}",
            "make it again with roofprof analyze",
        )
    try:
        return RooflineReport.from_dict(data)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ReportError(f"{path} lacks or garbles {error}", "make it again with roofprof analyze") from None


_T = TypeVar("_T")


def _build(kind: type[_T], data: Mapping[str, Any]) -> _T:
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{key: value for key, value in data.items() if key in fields})


def _plain(value: Any) -> Any:
    """Whole floats as integers; everything else as it is."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
