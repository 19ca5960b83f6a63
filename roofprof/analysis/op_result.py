"""One op's result: its call's numbers, the formula's beside them, placed on both GPUs' rooflines."""

from collections.abc import Sequence
from dataclasses import replace

from roofprof.analysis.counted_precision import with_counted_precision
from roofprof.analysis.op_facts import OpFacts
from roofprof.analysis.op_roofline import References, flop_by_pipe, on_profiled_gpu, over, useful
from roofprof.analysis.op_rules import explain
from roofprof.analysis.retarget import peak_missing
from roofprof.analysis.trust_rules import doubts
from roofprof.findings import Finding, Severity
from roofprof.hardware.roofline import Bound, RooflinePoint
from roofprof.launches.had import stated
from roofprof.launches.measured_work import CallRow
from roofprof.launches.ranges import NamedRange
from roofprof.launches.rows import OP
from roofprof.results.op import OpResult
from roofprof.results.op_groups import FormulaResult, Range, Spread
from roofprof.results.points import CountedWork, roofline_points
from roofprof.timeline.op_times import NO_TIMING, OpTiming

CORES_DID_IT = 0.95
"""CUDA cores that did this much of an op's useful FLOPs did it without the tensor pipe."""


def build_op(
    row: CallRow,
    named: NamedRange,
    kernel_names: list[str],
    launch_findings: Sequence[Finding],
    references: References,
    timing: OpTiming = NO_TIMING,
) -> OpResult:
    """Build an op's result from its row of `op_rows`.

    Args:
        row: the median call.
        named: what the path stands for.
        kernel_names: demangled names of the call's kernels.
        launch_findings: findings about those launches.
        references: the GPUs and whatever else the op is compared with.
        timing: nsys' times of the op, where a trace was joined; rates then use them.
    """
    flops, path = flop_by_pipe(row), tuple(row["nvtx_path"] or ())
    named, precision_source = with_counted_precision(named, path, row["report"], flops)
    gpu, target, work = references.gpu, references.target, named.work
    sent = row["link_tx_bytes"] if row.get("communicates") else None
    measured = CountedWork({} if row["flop_count"] is None else flops, row["dram_bytes"], row["mufu_count"], sent)
    asked = CountedWork({work.pipe: work.flop_count}, work.dram_bytes, None, work.link_bytes) if work else None
    points = roofline_points(measured, asked, gpu, target)
    here = on_profiled_gpu(row, references, timing, points.on_gpu)
    formula = _formula(named, points.formula_on_target, precision_source)
    time_source = "nsys" if timing.nsys_union_ns else "ncu"
    facts = OpFacts(row, named, kernel_names, here, time_source, references)
    return OpResult(
        op=named.op,
        kind=row.get("kind") or OP,
        layers=list(row.get("layers") or ()),
        nvtx_path=list(row["nvtx_path"] or ()),
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
        own_intermediate_bytes=facts.own_intermediate_bytes,
        l2_bytes=row["l2_bytes"],
        l1_fill_bytes=row["l1_fill_bytes"],
        flop_by_pipe=flops,
        flop_count=row["flop_count"],
        mufu_count=row["mufu_count"],
        arithmetic_intensity=over(row["flop_count"], row["dram_bytes"]),
        arithmetic_intensity_lower=over(row["flop_count"], row["dram_upper_bytes"]),
        arithmetic_intensity_l2=over(row["flop_count"], row["l2_bytes"]),
        arithmetic_intensity_l1_fill=over(row["flop_count"], row["l1_fill_bytes"]),
        formula=formula,
        work_ratio=over(row["flop_count"], formula.flop_count) if formula else None,
        byte_ratio=over(row["dram_bytes"], formula.dram_bytes) if formula else None,
        bound=_text(points.on_target.bound),
        ridge_point=points.on_target.ridge_point,
        attainable_flop_per_s=points.on_target.attainable_flop_per_s,
        points=points,
        roof_source="projected" if target.name != gpu.name else "datasheet",
        measured_on=here,
        spread=_spread(row),
        findings=_findings(facts, launch_findings, points.on_target),
        useful=useful(row, work, points.formula_on_gpu, timing),
        clock_outlier_count=row["clock_outlier_count"],
        link_tx_bytes=sent,
        link_bytes_formula=(work.link_bytes or None) if work else None,
        how=stated(row["how"]),
    )


def _formula(named: NamedRange, point: RooflinePoint, precision_source: str | None) -> FormulaResult | None:
    if named.work is None or named.formula is None:
        return None
    work = named.work
    return FormulaResult(
        name=named.formula,
        shape=dict(named.shape),
        flop_count=work.flop_count,
        dram_bytes=work.dram_bytes,
        arithmetic_intensity=work.arithmetic_intensity,
        dram_read_bytes=work.dram_read_bytes,
        dram_write_bytes=work.dram_write_bytes,
        pipe=work.pipe,
        bound=_text(point.bound),
        attainable_flop_per_s=point.attainable_flop_per_s,
        precision_source=precision_source,
    )


def _text(bound: Bound | None) -> str | None:
    return None if bound is None else str(bound)


def _spread(row: CallRow) -> Spread:
    return Spread(**{c: Range(row[f"{c}_min"], row[f"{c}_max"]) for c in Spread.__dataclass_fields__})


def _findings(facts: OpFacts, launch_findings: Sequence[Finding], point: RooflinePoint) -> list[Finding]:
    named, target = facts.named, facts.references.target
    found = [*named.findings, *(_explained(f, facts) for f in launch_findings), *explain(facts)]
    if point.missing_peaks:
        found.append(peak_missing(named.op, facts.row["report"], point.missing_peaks, target))
    return found + doubts(facts)


def _explained(finding: Finding, facts: OpFacts) -> Finding:
    """A GEMM that did all its FLOPs on CUDA cores needed no tensor pipe."""
    cores, work = facts.cuda_core_flop_count, facts.named.work
    wanted = work.flop_count if work else None
    if finding.kind != "tensor-counter-zero" or not wanted or (cores or 0) < CORES_DID_IT * wanted:
        return finding
    return replace(
        finding, severity=Severity.INFO, hint=f"{cores:.3g} FLOPs on CUDA cores are the whole work of the op"
    )
