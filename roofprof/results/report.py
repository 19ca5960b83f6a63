"""RooflineReport: everything an analysis found, saved to and loaded from one JSON file.

Its layout is report.schema.json, beside this module; every table, file and picture is made from it alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from roofprof import __version__
from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec, device_from_dict
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.results.columns import from_plain
from roofprof.results.op import OpResult

SCHEMA_VERSION = 1

_ANALYSED = ("l2_bytes", "dram_upper_bytes", "flop_count", "fp16_left_out_flop_count", "arithmetic_intensity")

KERNEL_SCHEMA = pl.Schema(
    [(name, dtype) for name, dtype in LAUNCH_SCHEMA.items() if name != "nvtx"]
    + [("nvtx_path", pl.List(pl.String())), ("op", pl.String())]
    + [(name, pl.Float64()) for name in _ANALYSED]
)
"""One row per launch, in the order of reports and launches."""


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
            "kernels": self.kernels.to_dicts(),
            "unattributed": asdict(self.unattributed),
            "joins": [dict(join) for join in self.joins],
            "ceilings": self.ceilings.as_dict() if self.ceilings else None,
            "findings": [f.as_dict() for f in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RooflineReport":
        """The reverse of `to_dict`."""
        gpu, target = device_from_dict(data["gpu"]), device_from_dict(data["target"])
        kernels = pl.DataFrame(data["kernels"], schema=KERNEL_SCHEMA, strict=False, orient="row")
        return cls(
            generated=data["generated"],
            gpu=gpu,
            target=target,
            notes=list(data["notes"]),
            reports=list(data["reports"]),
            ops=[OpResult.from_dict(op).placed(gpu, target) for op in data["ops"]],
            kernels=kernels,
            unattributed=from_plain(Unattributed, data["unattributed"]),
            findings=[Finding.from_dict(f) for f in data["findings"]],
            joins=list(data.get("joins", ())),
            ceilings=Ceilings.from_dict(data["ceilings"]) if data.get("ceilings") else None,
        )

    def to_json(self) -> str:
        """One JSON document; whole numbers as such, unknown as null."""
        return json.dumps(_plain(self.to_dict()), ensure_ascii=False, allow_nan=False)


def load_report(path: str | Path) -> RooflineReport:
    """Load a saved report.json.

    Raises:
        ReportError: not JSON, or not a report of a version that this program knows.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
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
    except (KeyError, TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise ReportError(f"{path}: missing or invalid field: {error}", "make it again with roofprof analyze") from None


def _plain(value: Any) -> Any:
    """Whole floats as integers; everything else as it is."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
