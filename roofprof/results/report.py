"""RooflineReport: everything an analysis found, saved to and loaded from one JSON file.

Its layout is report.schema.json, beside this module; every table, file and picture is made from it alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl

from roofprof import __version__
from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json
from roofprof.findings import Finding
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.results.kernels import kernel_dicts, kernel_frame
from roofprof.results.op import OpResult
from roofprof.results.rank_summary import RankSummary
from roofprof.validate import Bounds, built

SCHEMA_VERSION = 1


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
    """The profiled one."""
    target: DeviceSpec
    """The GPU whose roofs `bound` and `attainable_flop_per_s` are from."""
    notes: list[str]
    """What a reader of any output has to be told in words."""
    reports: list[Mapping[str, Any]]
    ops: list[OpResult]
    kernels: pl.DataFrame
    """`KERNEL_SCHEMA`."""
    unattributed: Unattributed
    findings: list[Finding]
    joins: Sequence[Mapping[str, Any]] = ()
    """One entry per report that was joined with an nsys trace."""
    ceilings: Ceilings | None = None
    """Measured roofs of the profiled GPU, where they were given."""
    ranks: RankSummary | None = None
    """Of an analysis over several ranks."""

    @property
    def projected(self) -> bool:
        """Whether the target is another GPU than the profiled one."""
        return self.target.name != self.gpu.name

    @property
    def date(self) -> str:
        """The days of the captures; where one is unknown, the day of the analysis, and that in words."""
        captures = [entry.get("capture") for entry in self.reports]
        days = [str(capture.get("created") or "")[:10] for capture in captures if isinstance(capture, Mapping)]
        if not days or len(days) < len(captures) or "" in days:
            return f"analyzed {self.generated[:10]}"
        return ", ".join(dict.fromkeys(days))

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
            "kernels": kernel_dicts(self.kernels),
            "unattributed": asdict(self.unattributed),
            "joins": [dict(join) for join in self.joins],
            "ceilings": self.ceilings.as_dict() if self.ceilings else None,
            "findings": [f.as_dict() for f in self.findings],
            "ranks": self.ranks.as_dict() if self.ranks else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RooflineReport":
        """The reverse of `to_dict`; unknown fields are left alone.

        Raises:
            FieldError: a field is missing, or of another form.
        """
        found = built(_Saved, data)
        return cls(
            generated=found.generated,
            gpu=found.gpu,
            target=found.target,
            notes=found.notes,
            reports=list(data["reports"]),
            ops=[op.placed(found.gpu, found.target) for op in found.ops],
            kernels=kernel_frame(data.get("kernels")),
            unattributed=found.unattributed,
            findings=found.findings,
            joins=list(data.get("joins", ())),
            ceilings=None if found.ceilings is None else Ceilings.from_dict(found.ceilings),
            ranks=found.ranks,
        )

    def to_json(self) -> str:
        """One JSON document; whole numbers as such, unknown as null."""
        return json.dumps(_plain(self.to_dict()), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class _SavedCapture:
    """What is checked of `capture` in an item of `reports`."""

    created: str | None = None
    recipe: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _SavedDevice:
    """What is checked of a GPU's attributes."""

    device_name: str | None = None
    sm_count: int | None = None
    compute_capability_major: int | None = None
    compute_capability_minor: int | None = None
    max_sm_clock_khz: int | None = None
    max_dram_clock_khz: int | None = None
    dram_bus_width_bits: int | None = None
    l2_cache_bytes: int | None = None
    total_memory_bytes: int | None = None
    ecc_enabled: int | None = None
    flop_per_sm_cycle: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class _SavedEntry:
    """What is checked of an item of `reports`."""

    name: str
    launch_count: int
    workload_types: list[Literal["kernel", "range", "graph", "command_list"]]
    replay_passes: list[int]
    devices: Mapping[str, _SavedDevice]
    process_count: int = 1
    chips: list[str] = field(default_factory=list)
    counters_known: Mapping[str, object] = field(default_factory=dict)
    capture: _SavedCapture | None = None


@dataclass(frozen=True, slots=True)
class _SavedJoin:
    """What is checked of an item of `joins`."""

    report: str
    trace: str
    matched_count: int
    median_offset_ns: Annotated[float | None, Bounds(None)]
    flagged_count: int = 0
    unmatched: list[Mapping[str, object]] = field(default_factory=list)
    layer: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Saved:
    """report.json as it is checked, but for its kernels; `RooflineReport` is made of it."""

    generated: str
    gpu: DeviceSpec
    target: DeviceSpec
    notes: list[str]
    reports: list[_SavedEntry]
    ops: list[OpResult]
    unattributed: Unattributed
    findings: list[Finding]
    joins: list[_SavedJoin] = field(default_factory=list)
    ceilings: Mapping[str, object] | None = None
    ranks: RankSummary | None = None


def now() -> str:
    """The time for `RooflineReport.generated`: UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_report(path: str | Path) -> RooflineReport:
    """Load a saved report.json.

    Raises:
        ReportError: not JSON, or not a report of a version that this program knows.
    """
    data = read_json(Path(path), "give the report.json that analyze -o wrote")
    again = "make it again with roofprof analyze"
    if data.get("schema_version") != SCHEMA_VERSION:
        raise ReportError(f"{path} is not a roofprof report of schema version {SCHEMA_VERSION}", again)
    try:
        return RooflineReport.from_dict(data)
    except FieldError as error:
        raise ReportError(f"{path}: {error}", again) from None


def _plain(value: Any) -> Any:
    """Whole floats as integers; everything else as it is."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
