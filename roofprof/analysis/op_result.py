"""One op's result: its call's numbers, the formula's beside them, placed on both GPUs' rooflines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roofprof.analysis.op_roofline import Yardsticks, flop_by_pipe, measured_on, over, useful
from roofprof.analysis.op_rules import OpNumbers, explain
from roofprof.analysis.retarget import peak_missing
from roofprof.analysis.trust_rules import OpFacts, doubts
from roofprof.findings import Finding, Severity
from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.hardware.roofline import Placement, Roofs, place
from roofprof.launches.ranges import NamedRange
from roofprof.results.op import FormulaResult, OpResult
from roofprof.timeline.op_times import NO_TIMING, OpTiming

CORES_DID_IT = 0.95
"""CUDA cores that did this much of an op's useful FLOPs did it without the tensor pipe."""

Row = Mapping[str, Any]


def build_op(
    row: Row,
    named: NamedRange,
    kernel_names: list[str],
    launch_findings: Sequence[Finding],
    yard: Yardsticks,
    timing: OpTiming = NO_TIMING,
) -> OpResult:
    """Build an op's result from its row of `work.op_rows`.

    Args:
        row: the median call.
        named: what the path stands for.
        kernel_names: demangled names of the call's kernels.
        launch_findings: findings about those launches.
        yard: the GPUs and whatever else the op is held against.
        timing: nsys' times of the op, where a trace was joined; rates then use them.
    """
    gpu, target, pipes = yard.gpu, yard.target, flop_by_pipe(row)
    placed = place(pipes, row["dram_bytes"], Roofs.of(target), row["mufu_count"])
    here = measured_on(row, yard, timing)
    formula = _formula(named, target)
    time_source = "nsys" if timing.nsys_union_ns else "ncu"
    facts = OpFacts(row, named, kernel_names, here, time_source, yard)
    return OpResult(
        op=named.op,
        nvtx_path=list(row["nvtx_path"]),
        report=row["report"],
        phase=named.case.phase,
        batch=named.case.batch,
        seq_len=named.case.seq_len,
        cache=named.case.cache,
        implementation=named.case.implementation,
        calls=row["calls"],
        kernels=list(row["kernels"]),
        duration_ns=row["duration_ns"],
        time_source=time_source,
        nsys_duration_ns=timing.nsys_duration_ns,
        nsys_union_ns=timing.nsys_union_ns,
        nsys_projected_ns=timing.nsys_projected_ns,
        graph_union_ns=timing.graph_union_ns,
        graph_projected_ns=timing.graph_projected_ns,
        share=timing.share,
        dram_read_bytes=row["dram_read_bytes"],
        dram_write_bytes=row["dram_write_bytes"],
        dram_bytes=row["dram_bytes"],
        dram_upper_bytes=row["dram_upper_bytes"],
        l2_bytes=row["l2_bytes"],
        l1_fill_bytes=row["l1_fill_bytes"],
        flop_by_pipe=pipes,
        flop_count=row["flop_count"],
        mufu_count=row["mufu_count"],
        arithmetic_intensity=over(row["flop_count"], row["dram_bytes"]),
        arithmetic_intensity_lower=over(row["flop_count"], row["dram_upper_bytes"]),
        arithmetic_intensity_l2=over(row["flop_count"], row["l2_bytes"]),
        arithmetic_intensity_l1_fill=over(row["flop_count"], row["l1_fill_bytes"]),
        formula=formula,
        work_ratio=over(row["flop_count"], formula.flop_count) if formula else None,
        byte_ratio=over(row["dram_bytes"], formula.dram_bytes) if formula else None,
        bound=placed.bound and str(placed.bound),
        ridge_point=placed.ridge_point,
        attainable_flop_per_s=placed.attainable_flop_per_s,
        roof_source="projected" if target.name != gpu.name else "datasheet",
        measured_on=here,
        spread=_spread(row),
        findings=_findings(facts, launch_findings, placed),
        useful=useful(row, named.work, gpu, timing),
        clock_outlier_count=row["clock_outlier_count"],
    )


def _formula(named: NamedRange, target: DeviceSpec) -> FormulaResult | None:
    if named.work is None or named.formula is None:
        return None
    work = named.work
    placed = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(target))
    return FormulaResult(
        name=named.formula,
        shape=dict(named.shape),
        flop_count=work.flop_count,
        dram_bytes=work.dram_bytes,
        arithmetic_intensity=work.arithmetic_intensity,
        dram_read_bytes=work.dram_read_bytes,
        dram_write_bytes=work.dram_write_bytes,
        pipe=work.pipe,
        bound=placed.bound and str(placed.bound),
        attainable_flop_per_s=placed.attainable_flop_per_s,
    )


def _spread(row: Row) -> dict[str, dict[str, float | None]]:
    columns = ("duration_ns", "dram_bytes", "flop_count")
    return {c: {"min": row[f"{c}_min"], "max": row[f"{c}_max"]} for c in columns}


def _findings(facts: OpFacts, launch_findings: Sequence[Finding], placed: Placement) -> list[Finding]:
    named, target = facts.named, facts.yard.target
    found = [*named.findings, *(_explained(f, facts.row, named) for f in launch_findings)]
    if named.work is not None:
        found += explain(_numbers(facts.row, named, list(facts.kernel_names)))
    if placed.missing_peaks:
        found.append(peak_missing(named.op, facts.row["report"], placed.missing_peaks, target))
    return found + doubts(facts)


def _explained(finding: Finding, row: Row, named: NamedRange) -> Finding:
    """A GEMM that did all its FLOPs on CUDA cores needed no tensor pipe."""
    cores = _known_sum([row[f"{p}_flop_count"] for p in PIPES if not p.startswith("tensor_")])
    wanted = named.work.flop_count if named.work else None
    if finding.kind != "tensor-counter-zero" or not wanted or (cores or 0) < CORES_DID_IT * wanted:
        return finding
    return replace(
        finding, severity=Severity.INFO, hint=f"{cores:.3g} FLOPs on CUDA cores are the whole work of the op"
    )


def _numbers(row: Row, named: NamedRange, kernel_names: list[str]) -> OpNumbers:
    assert named.work is not None
    tensor = [row[f"{p}_flop_count"] for p in PIPES if p.startswith("tensor_")]
    cores = [row[f"{p}_flop_count"] for p in PIPES if not p.startswith("tensor_")]
    precision = named.shape.get("precision")
    return OpNumbers(
        op=named.op,
        report=row["report"],
        kernel_names=kernel_names,
        formula=named.work,
        shape_precision=str(precision) if precision else None,
        tensor_flop_count=_known_sum(tensor),
        cuda_core_flop_count=_known_sum(cores),
        mufu_count=row["mufu_count"],
        dram_read_bytes=row["dram_read_bytes"],
        dram_write_bytes=row["dram_write_bytes"],
        l2_write_bytes=row["l2_write_bytes"],
        cache=named.case.cache,
    )


def _known_sum(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None
