"""From attributed launches to a RooflineReport: sum, set the formula beside, place on the rooflines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from roofprof.analysis.launch_rules import launch_findings
from roofprof.analysis.notes import report_notes
from roofprof.analysis.op_table import Choice, Rows, build_ops
from roofprof.analysis.references import references_of
from roofprof.analysis.workload_rules import wide_products, workload_findings
from roofprof.findings import Finding, Severity
from roofprof.formats.capture import UNKNOWN_CONDITIONS, Conditions
from roofprof.formulas.ops_file import OpsConfig
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.hardware.profiled_gpu import Attributes, ProfiledGpu, profiled_gpu_of
from roofprof.launches.attribution import domains_of
from roofprof.launches.measured_work import with_measured_work
from roofprof.launches.ranges import case_outside, name_ranges
from roofprof.launches.rows import OP, By, with_rows
from roofprof.names.reading import Layers
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.report import RooflineReport, Unattributed, now
from roofprof.timeline.op_times import NamedTrace, NsysTimes, nsys_times

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
    by: By = OP
    """What makes a row."""
    layers: Layers = "folded"
    """Whether the layers of a model are rows of their own."""
    choice: Choice | None = None
    """Which call each row is, where that follows from more than its own report."""


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
    domains = domains_of(launches, options.domain)
    rows, name_findings = _rows(reports, launches, options, domains)
    launches = rows.launches
    found = [*findings, *(f for r in reports for f in r.findings), *name_findings]
    gpus = {r.name: profiled_gpu_of(r.name, r.launches, r.devices) for r in reports}
    found += [f for spec in gpus.values() for f in spec.findings]
    timings = {r.name: _times(r, launches, options, domains.get(r.name)) for r in reports if r.traces}
    found += [f for times in timings.values() for f in times.findings]
    spent = workload_findings(*_traced(launches, timings))
    launch_found = [*launch_findings(launches), *spent, *wide_products(launches)]
    gpu = gpus[reports[0].name].spec
    references, reference_findings = references_of(
        reports, {n: g.spec for n, g in gpus.items()}, target or gpu, options.ceilings
    )
    found += reference_findings
    ops = build_ops(rows, launch_found, references, timings, options.choice)
    if options.only:
        ops = [op for op in ops if options.only(op.op) or options.only(op.label)]
    found += [f for f in launch_found if f.op is None] + [f for op in ops for f in op.findings]
    ceilings = next((held.ceilings for held in references.values() if held.ceilings), None)
    return RooflineReport(
        generated=now(),
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


def _times(report: Measured, launches: pl.DataFrame, options: Options, domain: str | None) -> NsysTimes:
    own = launches.filter(pl.col("report") == report.name)
    return nsys_times(report.name, own, report.traces, options.domain, options.layers, domain)


def _traced(launches: pl.DataFrame, timings: Mapping[str, NsysTimes]) -> tuple[pl.DataFrame, frozenset[str]]:
    """The launches with nsys' times for ncu's, and in which reports: those that nsys saw every kernel of."""
    spans = [times.spans.with_columns(report=pl.lit(name)) for name, times in timings.items() if times.spans.height]
    if not spans:
        return launches, frozenset()
    joined = launches.join(pl.concat(spans), on=["report", "launch_id"], how="left", maintain_order="left")
    is_kernel, known = pl.col("workload_type") == "kernel", pl.col("union_ns").is_not_null()
    whole = joined.group_by("report").agg((known | ~is_kernel).all().alias("whole")).filter("whole")["report"].to_list()
    time = pl.when(pl.col("report").is_in(whole)).then(pl.col("union_ns").cast(pl.Float64)).otherwise("duration_ns")
    return joined.with_columns(duration_ns=time), frozenset(whole)


def _rows(
    reports: Sequence[Measured], launches: pl.DataFrame, options: Options, domains: Mapping[str, str]
) -> tuple[Rows, list[Finding]]:
    """The launches with the row that each counts in, and findings about the names of ranges."""
    conditions = {r.name: r.conditions for r in reports}
    names, findings = name_ranges(launches, options.ops_config, conditions, domains, options.layers)
    cases = {report: case_outside(options.ops_config, known) for report, known in conditions.items()}
    return Rows(with_rows(launches, names, cases, options.by), names, cases), findings


def _kernels(launches: pl.DataFrame) -> pl.DataFrame:
    has_bytes = pl.col("dram_bytes") > 0
    intensity = pl.when(has_bytes).then(pl.col("flop_count") / pl.col("dram_bytes"))
    columns = intensity.alias("arithmetic_intensity"), pl.lit(None, pl.Int64).alias("rank")
    return launches.with_columns(*columns).select(KERNEL_SCHEMA.names())


def _unattributed(launches: pl.DataFrame) -> Unattributed:
    """Launches in no range; those whose profiling failed count, and are in no sum of those that were measured."""
    outside = launches.filter(pl.col("nvtx_path").is_null())

    def total(column: str) -> float | None:
        values = outside.filter(~pl.col("profiling_failed"))[column]
        return None if values.null_count() else float(values.sum())

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
