"""Where a report's numbers come from: GPU, clocks, versions, cache mode, passes, dates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from roofprof.results.report import RooflineReport

Span = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ReportOrigin:
    """One report."""

    name: str
    device: str | None
    launch_count: int
    replay_passes: tuple[int, ...]
    cache_modes: tuple[str, ...]
    sm_clock_hz: Span
    """Minimum and maximum of its ops."""
    dram_clock_hz: Span
    time_sources: tuple[str, ...]
    traces: tuple[str, ...]
    """nsys traces joined with it."""
    created: str | None
    """Of the capture, where its manifest was read."""
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that was merged."""

    generated: tuple[str, ...]
    notes: tuple[str, ...]
    origins: tuple[ReportOrigin, ...]
    findings: Mapping[str, int]
    """How many of each severity."""
    unattributed_launches: int


def provenance(reports: Sequence[RooflineReport]) -> Provenance:
    """Collect what every report says of itself."""
    severities = [str(f.severity) for report in reports for f in report.findings]
    return Provenance(
        generated=tuple(dict.fromkeys(r.generated for r in reports)),
        notes=tuple(dict.fromkeys(note for r in reports for note in r.notes)),
        origins=tuple(_origin(report, entry) for report in reports for entry in report.reports),
        findings={s: severities.count(s) for s in ("warning", "doubtful", "info") if s in severities},
        unattributed_launches=sum(r.unattributed.launch_count for r in reports),
    )


def _origin(report: RooflineReport, entry: Mapping[str, object]) -> ReportOrigin:
    name = str(entry["name"])
    ops = [op for op in report.ops if op.report == name]
    launches = report.kernels.filter(report.kernels["report"] == name)
    devices = entry.get("devices")
    device = _first_table(devices)
    capture = entry.get("capture")
    facts: Mapping[str, object] = capture if isinstance(capture, Mapping) else {}
    versions, passes, count = facts.get("versions"), entry.get("replay_passes"), entry.get("launch_count")
    created = facts.get("created")
    return ReportOrigin(
        name=name,
        device=str(name_of) if (name_of := device.get("device_name")) else None,
        launch_count=count if isinstance(count, int) else launches.height,
        replay_passes=tuple(passes) if isinstance(passes, list | tuple) else (),
        cache_modes=_distinct(op.cache for op in ops),
        sm_clock_hz=_span([op.measured_on.sm_clock_hz for op in ops]),
        dram_clock_hz=_span(launches["dram_clock_hz"].to_list()),
        time_sources=_distinct(op.time_source for op in ops),
        traces=tuple(str(join["trace"]) for join in report.joins if join.get("report") == name),
        created=str(created) if created else None,
        versions={str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {},
    )


def _first_table(tables: object) -> Mapping[str, object]:
    first: object = next(iter(tables.values()), None) if isinstance(tables, Mapping) else None
    return first if isinstance(first, Mapping) else {}


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _span(values: Sequence[float | None]) -> Span:
    known = [value for value in values if value]
    return (min(known), max(known)) if known else None
