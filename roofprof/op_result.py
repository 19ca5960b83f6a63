"""One op's result: its call's numbers, the formula's beside them, placed on both GPUs' rooflines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roofprof.device import PIPES, DeviceSpec
from roofprof.findings import Finding, Severity
from roofprof.naming import NamedRange
from roofprof.nsys_times import NO_TIMING, OpTiming
from roofprof.op_findings import OpNumbers, explain
from roofprof.results import FormulaResult, MeasuredOn, OpResult
from roofprof.roofline import Placement, Roofs, measured_bound, place
from roofprof.units import format_percent

OVER_ROOF = 1.02
"""A kernel above 102 % of a roof gets a finding; rounding of clocks explains what lies below."""

CORES_DID_IT = 0.95
"""CUDA cores that did this much of an op's useful FLOPs did it without the tensor pipe."""

Row = Mapping[str, Any]


def build_op(
    row: Row,
    named: NamedRange,
    kernel_names: list[str],
    launch_findings: Sequence[Finding],
    gpu: DeviceSpec,
    target: DeviceSpec,
    timing: OpTiming = NO_TIMING,
) -> OpResult:
    """Build an op's result from its row of `work.op_rows`.

    Args:
        row: the median call.
        named: what the path stands for.
        kernel_names: demangled names of the call's kernels.
        launch_findings: findings about those launches.
        gpu: the GPU that ran; target: the one to place on.
        timing: nsys' times of the op, where a trace was joined; rates then use them.
    """
    flop_by_pipe = {pipe: row[f"{pipe}_flop_count"] for pipe in PIPES}
    placed = place(flop_by_pipe, row["dram_bytes"], Roofs.of(target), row["mufu_count"])
    measured_on = _measured_on(row, flop_by_pipe, gpu, timing)
    formula = _formula(named, target)
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
        time_source="nsys" if timing.nsys_union_ns else "ncu",
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
        flop_by_pipe=flop_by_pipe,
        flop_count=row["flop_count"],
        mufu_count=row["mufu_count"],
        arithmetic_intensity=_over(row["flop_count"], row["dram_bytes"]),
        arithmetic_intensity_lower=_over(row["flop_count"], row["dram_upper_bytes"]),
        arithmetic_intensity_l2=_over(row["flop_count"], row["l2_bytes"]),
        arithmetic_intensity_l1_fill=_over(row["flop_count"], row["l1_fill_bytes"]),
        formula=formula,
        work_ratio=_over(row["flop_count"], formula.flop_count) if formula else None,
        byte_ratio=_over(row["dram_bytes"], formula.dram_bytes) if formula else None,
        bound=placed.bound and str(placed.bound),
        ridge_point=placed.ridge_point,
        attainable_flop_per_s=placed.attainable_flop_per_s,
        roof_source="projected" if target.name != gpu.name else "datasheet",
        measured_on=measured_on,
        spread=_spread(row),
        findings=_findings(row, named, kernel_names, launch_findings, placed, measured_on, target),
    )


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def _measured_on(row: Row, flop_by_pipe: Mapping[str, float | None], gpu: DeviceSpec, timing: OpTiming) -> MeasuredOn:
    roofs = Roofs.of(gpu)
    placed = place(flop_by_pipe, row["dram_bytes"], roofs, row["mufu_count"])
    ncu_s = row["duration_ns"] / 1e9 if row["duration_ns"] else None
    duration_s = timing.nsys_union_ns / 1e9 if timing.nsys_union_ns else ncu_s
    at_clock = place(flop_by_pipe, row["dram_bytes"], _roofs_at_clock(row, gpu), row["mufu_count"])
    fraction = _over(placed.bound_time_s, duration_s)
    # The clock is the one that ncu saw, so only ncu's time goes with it.
    fraction_at_clock = None if at_clock.missing_peaks else _over(at_clock.bound_time_s, ncu_s)
    known, seconds = (placed, duration_s) if fraction_at_clock is None else (at_clock, ncu_s)
    bound = measured_bound(Placement(placed.bound, None, None, known.bound_time_s), seconds)
    return MeasuredOn(
        gpu=gpu.name,
        bound=bound and str(bound),
        ridge_point=placed.ridge_point,
        attainable_flop_per_s=placed.attainable_flop_per_s,
        achieved_flop_per_s=_over(row["flop_count"], duration_s),
        achieved_dram_bytes_per_s=_over(row["dram_bytes"], duration_s),
        roof_fraction=fraction,
        roof_fraction_at_clock=fraction_at_clock,
        sm_clock_hz=row["sm_clock_hz"],
    )


def _roofs_at_clock(row: Row, gpu: DeviceSpec) -> Roofs:
    """The dense peaks of these launches; where the report states none, the datasheet's scaled to the clock."""
    clock, boost = row["sm_clock_hz"], gpu.boost_clock_hz
    peaks = {}
    for pipe in PIPES:
        measured = row[f"peak_{pipe}_flop_per_s"]
        if measured is not None:
            peaks[pipe] = measured
        elif clock and boost and pipe in gpu.peak_flop_per_s:
            peaks[pipe] = gpu.peak_flop_per_s[pipe] * clock / boost
    mufu = gpu.mufu_per_s * clock / boost if gpu.mufu_per_s and clock and boost else None
    return Roofs(peaks, row["dram_peak_bytes_per_s"] or gpu.dram_bytes_per_s, mufu)


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


def _findings(
    row: Row,
    named: NamedRange,
    kernel_names: list[str],
    launch_findings: Sequence[Finding],
    placed: Placement,
    measured_on: MeasuredOn,
    target: DeviceSpec,
) -> list[Finding]:
    found = [*named.findings, *(_explained(f, row, named) for f in launch_findings)]
    if named.work is not None:
        found += explain(_numbers(row, named, kernel_names))
    if placed.missing_peaks:
        found.append(
            Finding(
                "peak-missing",
                Severity.WARNING,
                f"{target.name} has no peak for {', '.join(placed.missing_peaks)}: its time is left out of the bound",
                "choose another --gpu, or add the peak to a TOML file of your own",
                op=named.op,
                report=row["report"],
                values={"pipes": list(placed.missing_peaks), "gpu": target.name},
            )
        )
    return found + _over_roof(row, named, measured_on)


def _explained(finding: Finding, row: Row, named: NamedRange) -> Finding:
    """A GEMM that did all its FLOPs on CUDA cores needed no tensor pipe."""
    cores = _known_sum([row[f"{p}_flop_count"] for p in PIPES if not p.startswith("tensor_")])
    useful = named.work.flop_count if named.work else None
    if finding.kind != "tensor-counter-zero" or not useful or (cores or 0) < CORES_DID_IT * useful:
        return finding
    return replace(
        finding, severity=Severity.INFO, hint=f"{cores:.3g} FLOPs on CUDA cores are the whole work of the op"
    )


def _over_roof(row: Row, named: NamedRange, measured_on: MeasuredOn) -> list[Finding]:
    fraction = measured_on.roof_fraction_at_clock or measured_on.roof_fraction
    if fraction is None or fraction <= OVER_ROOF:
        return []
    return [
        Finding(
            "over-roof",
            Severity.DOUBTFUL,
            f"{format_percent(fraction)} of the roof of the GPU that ran: more than can be",
            "bytes and time come from different passes, or a peak does not fit this GPU; do not trust this row",
            op=named.op,
            report=row["report"],
            values={
                "roof_fraction": measured_on.roof_fraction,
                "at_clock": measured_on.roof_fraction_at_clock,
            },
        )
    ]


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
