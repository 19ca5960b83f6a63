"""What a finding says of an op's time, in a few words, with the time that it stands for and what to try."""

from collections.abc import Callable, Mapping
from typing import Any

from roofprof.advice.facts import ONE_KERNEL, Facts, Reason
from roofprof.findings import Finding
from roofprof.formatting import format_number, format_percent, format_si, quantity
from roofprof.hardware.roofline import compute_time_s
from roofprof.results.op import OpResult
from roofprof.results.thresholds import LOW_OCCUPANCY

Words = Callable[[Facts, Finding, Mapping[str, Any]], Reason | None]


def reason_of_finding(facts: Facts, finding: Finding) -> Reason | None:
    """None where it is about numbers, or lacks those that would tell."""
    words = _WORDS.get(finding.kind)
    return words(facts, finding, finding.values) if words else None


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
