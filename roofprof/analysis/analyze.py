"""From attributed launches to a RooflineReport: sum, set the formula beside, place on the rooflines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from roofprof.analysis.launch_rules import launch_findings
from roofprof.analysis.notes import report_notes
from roofprof.analysis.op_result import build_op
from roofprof.analysis.op_roofline import References
from roofprof.analysis.references import references_of
from roofprof.findings import Finding, Severity
from roofprof.formats.capture import UNKNOWN_CONDITIONS, Conditions
from roofprof.formulas.ops_file import OpsConfig
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.hardware.profiled_gpu import Attributes, ProfiledGpu, profiled_gpu_of
from roofprof.launches.measured_work import call_rows, op_rows, with_measured_work
from roofprof.launches.ranges import NamedRange, name_ranges
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport, Unattributed
from roofprof.timeline.op_times import NO_TIMING, NamedTrace, NsysTimes, nsys_times

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck


@dataclass(frozen=True, slots=True)
class Options:
    """Analysis options."""

    domain: str | None = None
    """NVTX domain of the ops in nsys traces."""
    ops_config: OpsConfig | None = None
    only: Callable[[str], bool] | None = None
    """Keeps the ops whose name or label it accepts."""
    ceilings: Ceilings | None = None
    """Measured roofs of the profiled GPU."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One report as the reader gives it."""

    name: str
    launches: pl.DataFrame
    """`ATTRIBUTED_SCHEMA`."""
    devices: Mapping[str, Attributes]
    findings: Sequence[Finding]
    conditions: Conditions = UNKNOWN_CONDITIONS
    """From a capture's manifest."""
    traces: Sequence[NamedTrace] = ()
    """nsys traces of the same command, the eager one first."""
    selfcheck: "Selfcheck | None" = None
    """Of the profiled GPU, or of another one: what does not fit is not applied."""
    ncu_version: str | None = None
    ceilings: Ceilings | None = None
    """The capture's own measured roofs."""


def analyze(
    reports: Sequence[Measured],
    target: DeviceSpec | None,
    options: Options | None = None,
    findings: Sequence[Finding] = (),
) -> RooflineReport:
    """Analyse the launches of one or more reports.

    Args:
        reports: what was read.
        target: the target GPU of the roofline; None for the profiled one.
        options: domain, ops file, filter.
        findings: what is known already, of a capture for instance.
    """
    options = options or Options()
    launches = with_measured_work(pl.concat([r.launches for r in reports]))
    conditions = {r.name: r.conditions for r in reports}
    names, name_findings = name_ranges(launches, options.ops_config, conditions)
    launches = _with_ops(launches, names)
    found = [*findings, *(f for r in reports for f in r.findings), *name_findings]
    launch_found = list(launch_findings(launches))
    gpus = {r.name: profiled_gpu_of(r.name, r.launches, r.devices) for r in reports}
    found += [f for spec in gpus.values() for f in spec.findings]
    timings = {r.name: _times(r, launches, options.domain) for r in reports if r.traces}
    found += [f for times in timings.values() for f in times.findings]
    gpu = gpus[reports[0].name].spec
    references, reference_findings = references_of(
        reports, {n: g.spec for n, g in gpus.items()}, target or gpu, options.ceilings
    )
    found += reference_findings
    ops = _ops(launches, names, launch_found, references, timings)
    if options.only:
        ops = [op for op in ops if options.only(op.op) or options.only(op.label)]
    found += [f for f in launch_found if f.op is None] + [f for op in ops for f in op.findings]
    ceilings = next((held.ceilings for held in references.values() if held.ceilings), None)
    return RooflineReport(
        generated=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        gpu=gpu,
        target=target or gpu,
        notes=report_notes(gpu, target or gpu, ops, ceilings),
        reports=[_report_entry(r) for r in reports],
        ops=ops,
        kernels=_kernels(launches),
        unattributed=_unattributed(launches),
        findings=found + _several_gpus(gpus),
        joins=[join for times in timings.values() for join in times.joins],
        ceilings=ceilings,
    )


def _times(report: Measured, launches: pl.DataFrame, domain: str | None) -> NsysTimes:
    return nsys_times(report.name, launches.filter(pl.col("report") == report.name), report.traces, domain)


def _with_ops(launches: pl.DataFrame, names: Mapping[tuple[str, tuple[str, ...]], NamedRange]) -> pl.DataFrame:
    """Add the op of each launch; null where it lies in no range."""
    table = pl.DataFrame(
        [(report, list(path), named.op) for (report, path), named in names.items()],
        schema={"report": pl.String, "nvtx_path": pl.List(pl.String), "op": pl.String},
        orient="row",
    )
    return launches.join(table, on=["report", "nvtx_path"], how="left", maintain_order="left")


def _ops(
    launches: pl.DataFrame,
    names: Mapping[tuple[str, tuple[str, ...]], NamedRange],
    found: list[Finding],
    references: Mapping[str, References],
    timings: Mapping[str, NsysTimes],
) -> list[OpResult]:
    rows = op_rows(call_rows(launches.filter(pl.col("nvtx_path").is_not_null())))
    columns = zip(launches["report"], launches["launch_id"], launches["kernel_demangled_name"], strict=True)
    kernel_names = {(report, launch): name for report, launch, name in columns}
    by_launch: dict[tuple[str | None, int | None], list[Finding]] = {}
    for finding in found:
        by_launch.setdefault((finding.report, finding.launch_id), []).append(finding)
    ops = []
    for row in rows.iter_rows(named=True):
        named = names[row["report"], tuple(row["nvtx_path"])]
        kernels = [(row["report"], launch) for launch in row["kernels"]]
        launch_level = [f for kernel in kernels for f in by_launch.get(kernel, ())]
        names_of_kernels = [kernel_names[k] for k in kernels]
        times = timings.get(row["report"])
        timing = times.by_path.get(tuple(row["nvtx_path"]), NO_TIMING) if times else NO_TIMING
        launch_level += times.op_findings.get(tuple(row["nvtx_path"]), ()) if times else ()
        ops.append(build_op(row, named, names_of_kernels, launch_level, references[row["report"]], timing))
    return ops


def _kernels(launches: pl.DataFrame) -> pl.DataFrame:
    has_bytes = pl.col("dram_bytes") > 0
    intensity = pl.when(has_bytes).then(pl.col("flop_count") / pl.col("dram_bytes"))
    return launches.with_columns(intensity.alias("arithmetic_intensity")).select(KERNEL_SCHEMA.names())


def _unattributed(launches: pl.DataFrame) -> Unattributed:
    outside = launches.filter(pl.col("nvtx_path").is_null())

    def total(column: str) -> float | None:
        values = outside.filter(~pl.col("profiling_failed"))[column]
        return float(values.sum()) if values.null_count() == 0 and len(values) else (0.0 if not len(values) else None)

    kernels = outside.select("report", "launch_id", "kernel_name").to_dicts()
    return Unattributed(outside.height, total("duration_ns"), total("dram_bytes"), total("flop_count"), kernels)


def _report_entry(report: Measured) -> dict[str, object]:
    launches = report.launches
    passes = launches["replay_passes"].drop_nulls()
    capture = dict(report.conditions.capture)
    return {
        "name": report.name,
        "launch_count": launches.height,
        "workload_types": sorted(launches["workload_type"].unique()),
        "replay_passes": [int(p) for p in passes.unique().sort()],
        "process_count": launches["process_id"].n_unique(),
        "chips": sorted(launches["chip"].drop_nulls().unique()),
        "devices": {key: dict(device) for key, device in report.devices.items()},
        "counters_known": {pipe: launches[f"{pipe}_flop_count"].null_count() < launches.height for pipe in PIPES},
        **({"capture": capture} if capture else {}),
    }


def _several_gpus(gpus: Mapping[str, ProfiledGpu]) -> list[Finding]:
    names = {g.spec.name for g in gpus.values()}
    if len(names) < 2:
        return []
    return [
        Finding(
            "several-gpus",
            Severity.WARNING,
            f"the reports are from different GPUs: {', '.join(sorted(names))}",
            "each row is placed against its own; `gpu` names the first report's",
            values={"gpus": {report: g.spec.name for report, g in gpus.items()}},
        )
    ]
