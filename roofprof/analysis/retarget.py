"""A saved analysis under other roofs, or cut to some ops: from the numbers in its rows alone, without its reports."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from roofprof.analysis.notes import report_notes
from roofprof.analysis.op_roofline import over, under_link
from roofprof.analysis.references import MEASURED_ROOFS, NOT_APPLIED, references_of
from roofprof.analysis.trust_rules import OVER_MEASURED_ROOF, over_measured_roof
from roofprof.findings import Finding, Severity
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.profiled_gpu import Attributes
from roofprof.hardware.roofline import Bound, place
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck

PEAK_MISSING = "peak-missing"


def retarget(report: RooflineReport, target: DeviceSpec) -> RooflineReport:
    """The same measurements under another target's datasheet roofs.

    Bound, ridge point, attainable rate, roof source and the formula's placement are computed anew, and so are the
    notes and the findings about missing peaks. What belongs to the profiled GPU stays.
    """
    ops = [_placed(op, report.gpu, target) for op in report.ops]
    others = [f for f in report.findings if f.kind != PEAK_MISSING]
    missing = [f for op in ops for f in op.findings if f.kind == PEAK_MISSING]
    notes = report_notes(report.gpu, target, ops, report.ceilings)
    return replace(report, target=target, ops=ops, findings=others + missing, notes=notes)


def peak_missing(op: str, report: str, pipes: Sequence[str], target: DeviceSpec) -> Finding:
    """The finding about an op whose work uses pipes that the target has no peak for."""
    return Finding(
        PEAK_MISSING, Severity.WARNING,
        f"{target.name} has no peak for {', '.join(pipes)}: its time is left out of the bound",
        "choose another --gpu, or add the peak to a TOML file of your own",
        op=op, report=report, values={"pipes": list(pipes), "gpu": target.name},
    )  # fmt: skip


def with_ceilings(report: RooflineReport, ceilings: Ceilings) -> RooflineReport:
    """The same measurements beside measured roofs; a report of another GPU keeps none, and a finding says so."""
    sources = [_Source(entry["name"], entry.get("devices", {})) for entry in report.reports]
    gpus = {source.name: report.gpu for source in sources}
    references, not_applied = references_of(sources, gpus, report.target, ceilings)
    names = _kernel_names(report)
    roofs = {name: held.ceilings for name, held in references.items()}
    ops = [_under_ceilings(op, roofs.get(op.report), names) for op in report.ops]
    applied = next((held.ceilings for held in references.values() if held.ceilings), None)
    kept = [f for f in report.findings if not _of_ceilings(f)] + [
        f for op in ops for f in op.findings if f.kind == OVER_MEASURED_ROOF
    ]
    notes = report_notes(report.gpu, report.target, ops, applied)
    return replace(report, ops=ops, findings=kept + not_applied, ceilings=applied, notes=notes)


def only_ops(report: RooflineReport, keep: Callable[[str], bool]) -> RooflineReport:
    """The ops whose name or label `keep` accepts, and the findings that are not of the others alone."""
    ops = [op for op in report.ops if keep(op.op) or keep(op.label)]
    kept = {id(op) for op in ops}
    gone = Counter(_key(f) for op in report.ops if id(op) not in kept for f in op.findings)
    findings = []
    for finding in report.findings:
        if gone[_key(finding)] > 0:
            gone[_key(finding)] -= 1
        else:
            findings.append(finding)
    return replace(
        report, ops=ops, findings=findings, notes=report_notes(report.gpu, report.target, ops, report.ceilings)
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """A saved entry of `reports`, as `references_of` asks for it."""

    name: str
    devices: Mapping[str, Attributes]
    selfcheck: "Selfcheck | None" = None
    ncu_version: str | None = None
    ceilings: Ceilings | None = None


def _placed(op: OpResult, gpu: DeviceSpec, target: DeviceSpec) -> OpResult:
    placed = op.placed(gpu, target)
    point, by_formula = placed.points.on_target, placed.points.formula_on_target
    findings = [f for f in op.findings if f.kind != PEAK_MISSING]
    if point.missing_peaks:
        findings.append(peak_missing(op.op, op.report, point.missing_peaks, target))
    formula = op.formula and replace(
        op.formula,
        bound=None if by_formula.bound is None else str(by_formula.bound),
        attainable_flop_per_s=by_formula.attainable_flop_per_s,
    )
    return replace(
        placed,
        bound=None if point.bound is None else str(point.bound),
        ridge_point=point.ridge_point,
        attainable_flop_per_s=point.attainable_flop_per_s,
        roof_source="projected" if target.name != op.measured_on.gpu else "datasheet",
        formula=formula,
        findings=findings,
    )


def _of_ceilings(finding: Finding) -> bool:
    """Whether measured roofs that were given earlier are the reason of a finding."""
    roofs = finding.kind == NOT_APPLIED and finding.values.get("what") == MEASURED_ROOFS
    return roofs or finding.kind == OVER_MEASURED_ROOF


def _kernel_names(report: RooflineReport) -> dict[tuple[str, int], str]:
    """Demangled names by report and launch; all_kernels.csv has the short ones alone."""
    columns = ("report", "launch_id", "kernel_demangled_name", "kernel_name")
    rows = report.kernels.select(columns).iter_rows()
    return {(source, launch): full or short or "" for source, launch, full, short in rows}


def _under_ceilings(op: OpResult, ceilings: Ceilings | None, names: Mapping[tuple[str, int], str]) -> OpResult:
    """The op's place under the measured roofs; none without them, or where one of its pipes has no measured peak."""
    seconds = op.time_ns / 1e9 if op.time_ns else None
    if op.points.on_gpu.bound is Bound.COMMUNICATION:
        return replace(op, measured_on=under_link(op.measured_on, ceilings, op.link_tx_bytes, seconds))
    mix = ceilings.dram_mix(op.dram_read_bytes, op.dram_write_bytes) if ceilings else None
    fraction = attainable = None
    if ceilings is not None:
        placed = place(op.flop_by_pipe, op.dram_bytes, ceilings.roofs(mix), op.mufu_count)
        if not placed.missing_peaks:
            attainable = placed.attainable_flop_per_s
            fraction = over(placed.bound_time_s, seconds)
    here = replace(
        op.measured_on,
        roof_fraction_measured=fraction,
        attainable_flop_per_s_measured=attainable,
        dram_mix=mix,
        measured_roofs=ceilings.origin if ceilings else None,
    )
    kernel_names = [names.get((op.report, launch), "") for launch in op.kernels]
    doubts = over_measured_roof(op.op, op.report, here, kernel_names, op.time_source, op.cache, op.duration_ns)
    findings = [f for f in op.findings if f.kind != OVER_MEASURED_ROOF]
    return replace(op, measured_on=here, findings=[*findings, *doubts])


def _key(finding: Finding) -> str:
    return json.dumps(finding.as_dict(), sort_keys=True, default=str)
