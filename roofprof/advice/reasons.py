"""Why an op is below its roof, and what to try: the finding with the greatest time behind it, in words."""

from collections.abc import Sequence

import polars as pl

from roofprof.advice.facts import ONE_KERNEL, Facts, Reason
from roofprof.advice.finding_reasons import reason_of_finding
from roofprof.document.cases import gpu_of
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.hardware.roofline import Roofs
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

AT_ROOF = 0.9
"""From here on nothing but less work makes an op faster: kernels of one shape differ by more than what is left."""
TELLING = 0.2
"""A finding with less of the op's headroom behind it than a fifth does not explain it."""
FAR = 0.5
"""Below half of the roof neither roof is what holds an op."""
WAITING = 0.25
"""A collective that waits longer than this share of its time is late rather than slow."""


def best_roofs(report: RooflineReport, op: OpResult) -> Roofs:
    """The measured roofs where the op was placed under them, else the datasheet's; empty where neither is known."""
    if report.ceilings and op.measured_on.dram_mix and op.measured_on.roof_fraction_measured is not None:
        return report.ceilings.roofs(op.measured_on.dram_mix)
    spec = gpu_of(report, op)
    return Roofs.of(spec) if spec else Roofs({}, None)


def reason_of(facts: Facts) -> Reason:
    """The reason with the most time behind it; what the roofs alone say where no finding tells."""
    op = facts.op
    told = [made for finding in op.findings if (made := reason_of_finding(facts, finding)) is not None]
    timed = sorted((r for r in told if r.time_ns is not None), key=lambda r: -(r.time_ns or 0.0))
    headroom = op.headroom_ns
    if op.of_roof is not None and op.of_roof >= AT_ROOF:
        return _at_the_roof(facts)
    if timed and headroom and (timed[0].time_ns or 0.0) >= TELLING * headroom:
        return timed[0]
    untimed = [r for r in told if r.time_ns is None]
    return untimed[0] if untimed and op.measured_on.bound == "latency" else _by_roofs(facts)


def _at_the_roof(facts: Facts) -> Reason:
    op = facts.op
    if op.points.on_gpu.bound == "communication":
        return _by_link(op)
    if op.points.on_gpu.bound == "compute":
        return Reason(f"compute roof: {_rate(op)}", "fewer FLOPs: lower precision")
    return Reason(f"DRAM roof: {_bandwidth(facts)}", "fewer bytes: lower precision, fusion")


def _by_roofs(facts: Facts) -> Reason:
    op = facts.op
    bound = op.points.on_gpu.bound
    if bound == "communication":
        return _by_link(op)
    if op.of_roof is None or bound is None:
        return _without_roof(facts)
    reached = _rate(op) if bound == "compute" else _bandwidth(facts)
    if op.measured_on.bound == "latency" or op.of_roof < FAR:
        if (share := facts.longest_share) < ONE_KERNEL:
            why = f"{len(op.kernels)} kernels, longest {format_percent(share)} of µs"
            return Reason(why, "fewer kernels: fuse the small ones")
        return Reason(f"latency: {reached}", "more in flight: stalls by ncu --set full")
    if bound == "compute":
        return Reason(f"compute: {reached}", "tile shape, pipelining, clocks")
    return Reason(f"memory: {reached}", "wider loads, more in flight")


def _without_roof(facts: Facts) -> Reason:
    """What is known all the same: bytes without FLOPs are a part of the DRAM roof."""
    if facts.op.measured_on.achieved_dram_bytes_per_s is not None and facts.roofs.dram_bytes_per_s:
        return Reason(f"DRAM {_bandwidth(facts)}; FLOPs unknown", "collect FLOPs: ncu --set full")
    return Reason("no roof: FLOPs, bytes or peaks are unknown", None)


def _by_link(op: OpResult) -> Reason:
    """Of an op that communicates: the wait where that is most of it, else the link's rate without it."""
    wait, time = op.wait_ns, op.time_ns
    if time is None:
        return Reason("time unknown: trace each rank", None)
    if wait is not None and time and wait > WAITING * time:
        return _waiting(wait, op.straggler_rank, op.straggler_idle_ns)
    rate = op.link_bytes_per_s
    if rate is None:
        return Reason("sends to other GPUs", "overlap with compute")
    return Reason(f"link: {format_si(rate, 'B/s')}, wait aside", "larger messages; overlap with compute")


def _waiting(wait_ns: float, rank: int | None, idle_ns: float | None) -> Reason:
    """For whom, and whether its GPU had nothing to do or more than the others."""
    told = f"waits {format_si(wait_ns / 1e9, 's')}"
    if rank is None:
        return Reason(told, "see what the ranks did before", wait_ns)
    if idle_ns is None:
        return Reason(f"{told} for rank {rank}", "see what that rank did before", wait_ns)
    if idle_ns > wait_ns / 2:
        why = f"{told} for idle rank {rank}"
        return Reason(why, "its GPU ran dry: a CUDA graph, a CPU core of its own", wait_ns)
    return Reason(f"{told} for busy rank {rank}", "its kernels take longer: share the work out evenly", wait_ns)


def _bandwidth(facts: Facts) -> str:
    reached, roof = facts.op.measured_on.achieved_dram_bytes_per_s, facts.roofs.dram_bytes_per_s
    if reached is None or roof is None:
        return format_si(reached, "B/s")
    if reached < 0.01 * roof:
        return format_si(reached, "B/s")
    figure, prefix = format_si(roof, "B/s").split(" ", 1)
    return f"{format_number(reached / (roof / float(figure)))} of {figure} {prefix}"


def _rate(op: OpResult) -> str:
    return format_si(op.measured_on.achieved_flop_per_s, "FLOP/s")


def reasons_of(report: RooflineReport, ops: Sequence[OpResult]) -> list[Reason]:
    """One reason per op, in their order."""
    # Asked for once a case: the kernels of the others are left to polars.
    of_ops = pl.col("report").is_in({op.report for op in ops}) & pl.col("launch_id").is_in(
        {launch for op in ops for launch in op.kernels}
    )
    columns = report.kernels.filter(of_ops).select("report", "launch_id", "duration_ns").iter_rows()
    times = {(name, launch): duration or 0.0 for name, launch, duration in columns}
    found = []
    for op in ops:
        own = {launch: times.get((op.report, launch), 0.0) for launch in op.kernels}
        found.append(reason_of(Facts(op, best_roofs(report, op), own)))
    return found
