"""Why an op is below its roof, and what to try: the finding with the greatest time behind it, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from roofprof.document.cases import gpu_of
from roofprof.findings import Finding
from roofprof.formatting import format_number, format_percent, format_si, quantity
from roofprof.hardware.roofline import Roofs, compute_time_s
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport
from roofprof.results.thresholds import LOW_OCCUPANCY

AT_ROOF = 0.9
"""From here on nothing but less work makes an op faster: kernels of one shape differ by more than what is left."""
TELLING = 0.1
"""A finding with less of the op's headroom behind it than a tenth does not explain it."""
FAR = 0.5
"""Below half of the roof neither roof is what holds an op."""
WAITING = 0.25
"""A collective that waits longer than this share of its time is late rather than slow."""
ONE_KERNEL = 0.9
"""A kernel with this much of an op's time is the op."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One op's."""

    why: str
    """A few words with their number, `64 blocks on 132 SMs`."""
    attempt: str | None
    """What to try, a few words; None where nothing is left to win."""
    time_ns: float | None = None
    """The time that it stands for; None where the counters do not tell."""
    kind: str | None = None
    """The finding it is made of; None where it follows from the roofs alone."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reasons of one op are made of."""

    op: OpResult
    roofs: Roofs
    """The best known of the profiled GPU."""
    kernel_ns: Mapping[int, float]
    """ncu's durations of the op's kernels by launch id."""

    @property
    def longest_share(self) -> float:
        """Of the op's longest kernel in the time of all; 1 where it is unknown."""
        whole = sum(self.kernel_ns.values())
        return max(self.kernel_ns.values()) / whole if whole else 1.0

    def transfer_ns(self, count: float | None) -> float | None:
        """The time that some bytes take at the DRAM roof."""
        bandwidth = self.roofs.dram_bytes_per_s
        return None if count is None or not bandwidth else count / bandwidth * 1e9


Words = Callable[[Facts, Finding, Mapping[str, Any]], Reason | None]


def best_roofs(report: RooflineReport, op: OpResult) -> Roofs:
    """The measured roofs where the op was placed under them, else the datasheet's; empty where neither is known."""
    if report.ceilings and op.measured_on.dram_mix and op.measured_on.roof_fraction_measured is not None:
        return report.ceilings.roofs(op.measured_on.dram_mix)
    spec = gpu_of(report, op)
    return Roofs.of(spec) if spec else Roofs({}, None)


def reason_of(facts: Facts) -> Reason:
    """The reason with the most time behind it; what the roofs alone say where no finding tells."""
    op = facts.op
    told = [made for finding in op.findings if (made := _told(facts, finding)) is not None]
    timed = sorted((r for r in told if r.time_ns is not None), key=lambda r: -(r.time_ns or 0.0))
    headroom = op.headroom_ns
    if op.of_roof is not None and op.of_roof >= AT_ROOF:
        return _at_the_roof(facts)
    if timed and headroom and (timed[0].time_ns or 0.0) >= TELLING * headroom:
        return timed[0]
    untimed = [r for r in told if r.time_ns is None]
    return untimed[0] if untimed and op.measured_on.bound == "latency" else _by_roofs(facts)


def _told(facts: Facts, finding: Finding) -> Reason | None:
    words = _WORDS.get(finding.kind)
    return words(facts, finding, finding.values) if words else None


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


def _launch_bound(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    kernels = len(facts.op.kernels)
    each = (facts.op.time_ns or 0.0) / kernels / 1e3
    why = f"{each:.1f} µs kernel: mostly start-up" if kernels == 1 else f"{kernels} kernels of {each:.1f} µs: start-up"
    attempt = "fuse into a neighbour; CUDA graph" if kernels == 1 else "one kernel instead; CUDA graph"
    return Reason(why, attempt, facts.op.headroom_ns, finding.kind)


def _partial_wave(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason | None:
    filled, waves = values.get("filled"), values.get("waves_per_sm")
    own = facts.kernel_ns.get(finding.launch_id) if finding.launch_id is not None else None
    whole = sum(facts.kernel_ns.values())
    if filled is None or own is None or not whole or facts.op.time_ns is None:
        return None
    lost = facts.op.time_ns * own / whole * (1 - filled)
    if waves is None or waves >= 1:
        why = f"{format_number(waves)} waves: {format_percent(1 - filled)} of the SM time idle"
        return Reason(why, "another tile size, persistent kernel", lost, finding.kind)
    if own < max(facts.kernel_ns.values()):
        why = f"{format_number(own / 1e3)} µs on {format_percent(filled)} of SMs"
        return Reason(why, "fuse that kernel, or give it more blocks", lost, finding.kind)
    attempt = "split K, smaller tiles" if _is_matrix(facts.op) else "more, smaller blocks"
    return Reason(f"blocks on {format_percent(filled)} of the SMs", attempt, lost, finding.kind)


def _is_matrix(op: OpResult) -> bool:
    """Whether it is a matrix product: the tensor pipes worked."""
    return any(count for pipe, count in op.flop_by_pipe.items() if pipe.startswith("tensor_"))


def _low_occupancy(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    why = f"{format_percent(values.get('achieved_occupancy'))} of an SM's warps active"
    roomy = (values.get("theoretical_occupancy") or 0.0) >= LOW_OCCUPANCY
    attempt = "more work in each block" if roomy else "fewer registers or less shared memory a block"
    return Reason(why, attempt, None, finding.kind)


def _re_reads(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    extra = values.get("extra_read_bytes")
    attempt = "fuse its kernels" if facts.longest_share < ONE_KERNEL else "larger tiles, rasterise for L2"
    return Reason(f"{format_si(extra, 'B')} read again", attempt, facts.transfer_ns(extra), finding.kind)


def _beyond_output(values: Mapping[str, Any]) -> float | None:
    """Bytes that an op stores beyond what its output needs."""
    stored, needed = values.get("stored_bytes"), values.get("compulsory_write_bytes")
    return stored - needed if stored is not None and needed is not None else None


def _intermediates(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    extra = _beyond_output(values)
    why = f"{len(facts.op.kernels)} kernels pass {format_si(extra, 'B')} on"
    return Reason(why, "fuse them", facts.transfer_ns(_through_dram(facts, finding, extra)), finding.kind)


def _through_dram(facts: Facts, finding: Finding, stored: float | None) -> float | None:
    """What of the intermediates DRAM saw in the time that counts: flushed by ncu, they stay in L2 under nsys."""
    if facts.op.time_source == "nsys" and facts.op.cache != "warm":
        return None
    own = finding.values.get("own_intermediate_bytes")
    return stored if own is None else own


def _split_k(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    stored = values.get("stored_bytes")
    why = f"split K: {format_si(stored, 'B')} of partial sums"
    return Reason(why, "fewer splits, or reduce in the cluster", facts.transfer_ns(stored), finding.kind)


def _spills(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    extra = _beyond_output(values)
    return Reason(f"stores {format_si(extra, 'B')} beyond its output", "check spills: -Xptxas -v",
                  facts.transfer_ns(extra), finding.kind)  # fmt: skip


def _tile_padding(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason | None:
    ratio = values.get("ratio")
    if not ratio or ratio <= 1 or facts.op.formula is None:
        return None
    executed = compute_time_s(facts.op.flop_by_pipe, None, facts.roofs)
    memory = facts.transfer_ns(facts.op.dram_bytes)
    if memory is None:
        return None
    saved = max(executed * 1e9, memory) - max(executed * 1e9 / ratio, memory)
    why = f"tiles padded: {format_number(ratio)}x the useful FLOPs"
    return Reason(why, "smaller tiles, larger batch", saved, finding.kind)


def _other_precision(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason | None:
    counts: Mapping[str, float] = values.get("flop_by_pipe") or {}
    wanted = str(values.get("formula_pipe") or "")
    if not counts or wanted not in facts.roofs.peak_flop_per_s:
        return None
    ran = max(counts, key=lambda pipe: counts[pipe])
    there = compute_time_s(counts, None, facts.roofs)
    saved = there - sum(counts.values()) / facts.roofs.peak_flop_per_s[wanted]
    words = f"ran in {ran.removeprefix('tensor_')}, not {wanted.removeprefix('tensor_')}"
    return Reason(words, f"find out why {wanted.removeprefix('tensor_')} fell back", max(0.0, saved) * 1e9,
                  finding.kind)  # fmt: skip


def _conversions(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    return _part(facts, finding, ("type conversion", "type conversions"), "write the type that is read")


def _split_k_sums(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason:
    return _part(facts, finding, ("sum of split K", "sums of split K"), "fewer splits, stream-K")


def _part(facts: Facts, finding: Finding, noun: tuple[str, str], attempt: str) -> Reason:
    """Kernels that could go, by their share of the op's time under ncu."""
    count, share = int(finding.values.get("launch_count") or 0), finding.values.get("share")
    spent = None if share is None or facts.op.time_ns is None else share * facts.op.time_ns
    why = f"{quantity(count, *noun)}: {format_percent(share)} of µs"
    return Reason(why, attempt, spent, finding.kind)


def _wide_product(facts: Facts, finding: Finding, values: Mapping[str, Any]) -> Reason | None:
    peaks, count = facts.roofs.peak_flop_per_s, values.get("flop_count")
    ran, usual = str(values.get("pipe")), str(values.get("usual_pipe"))
    if count is None or ran not in peaks or usual not in peaks:
        return None
    saved = max(0.0, count / peaks[ran] - count / peaks[usual])
    words = f"product in {ran.removeprefix('tensor_')}, most are {usual.removeprefix('tensor_')}"
    return Reason(words, "narrower inputs, or TF32", saved * 1e9, finding.kind)


_WORDS: Mapping[str, Words] = {
    "wide-product": _wide_product,
    "conversions": _conversions,
    "split-k-reductions": _split_k_sums,
    "launch-bound": _launch_bound,
    "partial-wave": _partial_wave,
    "low-occupancy": _low_occupancy,
    "re-reads": _re_reads,
    "intermediates": _intermediates,
    "split-k": _split_k,
    "spills": _spills,
    "tile-padding": _tile_padding,
    "other-precision": _other_precision,
}
"""Findings that are reasons for time; the others are about numbers."""


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
