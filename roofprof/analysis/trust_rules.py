"""Doubts about one op's figures: over a roof, under the floor, from a counter that failed, at another clock."""

from collections.abc import Callable, Iterable, Iterator

from roofprof.analysis.op_facts import OpFacts
from roofprof.findings import Finding, Severity
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.hardware.devices import DeviceSpec
from roofprof.launches.kernel_names import is_sparse_kernel
from roofprof.launches.rows import KERNEL
from roofprof.results.op_groups import MeasuredOn
from roofprof.results.thresholds import LAUNCH_BOUND_NS

OVER_MEASURED_ROOF = "over-measured-roof"
OVER_ROOF = 1.005
"""A kernel whose fraction of a roof prints as more than 100 % gets a finding."""
FLOOR_FACTOR = 2.0
"""Up to twice the floor, half of a figure or more may be floor."""
MIXED_WORK, MIXED_BYTES = 1.25, 1e6
"""Counters of repeats differ by less: by a few percent, and by what was left in L2."""
UNRELIABLE_NS = 20e3
"""NVIDIA's Profiling Guide calls counters of kernels below about 20 µs imprecise."""


def doubts(facts: OpFacts) -> list[Finding]:
    """All findings that these rules give for one op."""
    rules: tuple[Callable[[OpFacts], Iterator[Finding]], ...] = (
        _sparse, _over_roof, _over_measured_roof, _failed_counters, _below_floor, _launch_bound, _clock_outlier,
        _warm_replayed, _other_precision, _mixed_work,
    )  # fmt: skip
    return [finding for rule in rules for finding in rule(facts)]


def _sparse(f: OpFacts) -> Iterator[Finding]:
    if f.tensor_flop_by_pipe and any(is_sparse_kernel(name) for name in f.kernel_names):
        yield f.finding(
            "sparse-dense", Severity.DOUBTFUL,
            "a 2:4-sparse kernel by its name: the counter shows the FLOPs of the dense product, twice those executed",
            "its roof is the sparse one, twice the dense one that fractions here are of",
            roof_fraction=f.measured_on.roof_fraction,
        )  # fmt: skip


def _over_roof(f: OpFacts) -> Iterator[Finding]:
    at_clock, sheet = f.measured_on.roof_fraction_at_clock or 0.0, f.measured_on.roof_fraction or 0.0
    if max(at_clock, sheet) > OVER_ROOF:
        which = "at that clock" if at_clock > OVER_ROOF else "by the datasheet"
        yield f.finding(
            "over-roof", Severity.DOUBTFUL,
            f"{format_percent(at_clock if at_clock > OVER_ROOF else sheet)} of the profiled GPU's roof {which}: above "
            f"the roofline; likely cause: {_reason(f)}",
            "do not trust this row; nothing is clamped", roof_fraction=f.measured_on.roof_fraction,
            at_clock=f.measured_on.roof_fraction_at_clock, reason=_reason(f),
        )  # fmt: skip


def _over_measured_roof(f: OpFacts) -> Iterator[Finding]:
    return over_measured_roof(
        f.named.op, f.row["report"], f.measured_on, f.kernel_names, f.time_source, f.named.case.cache,
        f.row["duration_ns"],
    )  # fmt: skip


def over_measured_roof(
    op: str, report: str, here: MeasuredOn, kernel_names: Iterable[str], time_source: str, cache: str | None,
    duration_ns: float | None,
) -> Iterator[Finding]:  # fmt: skip
    """The finding about an op that lies above the measured roofs.

    Args:
        op: its name.
        report: the report it is of.
        here: its place on the profiled GPU.
        kernel_names: demangled, of its kernels.
        time_source: `nsys` or `ncu`.
        cache: `cold`, `warm` or unknown.
        duration_ns: ncu's time.
    """
    fraction = here.roof_fraction_measured
    if fraction is not None and fraction > OVER_ROOF:
        reason = _shared_reason(kernel_names, time_source, cache, duration_ns)
        reason = reason or "a kernel or a shape that does better than those that the roof was measured with"
        yield Finding(
            OVER_MEASURED_ROOF, Severity.INFO,
            f"{format_percent(fraction)} of the measured roof; likely cause: {reason}",
            "a measured roof is the best that was seen, not a bound", op=op, report=report,
            values={"roof_fraction_measured": fraction, "dram_mix": here.dram_mix, "reason": reason},
        )  # fmt: skip


def _reason(f: OpFacts) -> str:
    """The likeliest reason why a kernel lies above a datasheet's roof."""
    if f.measured_on.bound == "communication":
        return "bytes sent and time are of different runs or calls"
    if reason := _shared_reason(f.kernel_names, f.time_source, f.named.case.cache, f.row["duration_ns"]):
        return reason
    gpu, clock = f.references.gpu, f.row["sm_clock_hz"]
    sheet_clock = gpu.clock_of(next(iter(f.tensor_flop_by_pipe), "fp32"))
    if (f.measured_on.roof_fraction_at_clock or 0.0) <= OVER_ROOF and sheet_clock and clock and clock > sheet_clock:
        sheet = format_si(sheet_clock, "Hz")
        return f"the clock: it ran at {format_si(clock, 'Hz')}, the datasheet's peaks are at {sheet}"
    if _half_rate(gpu) and {"tensor_fp16", "tensor_fp8"} & f.tensor_flop_by_pipe.keys():
        return "accumulation in FP16, which this GPU does at twice the rate of the FP32 accumulation its peak is for"
    return "bytes and time of different passes, or a peak that does not fit this GPU"


def _half_rate(gpu: DeviceSpec) -> bool:
    """Whether FP32 accumulation halves the rate, as on GeForce cards: INT8 is then four times FP16, not twice."""
    fp16, int8 = gpu.peak_flop_per_s.get("tensor_fp16"), gpu.peak_flop_per_s.get("tensor_int8")
    return bool(fp16 and int8 and int8 > 3 * fp16)


def _shared_reason(
    kernel_names: Iterable[str], time_source: str, cache: str | None, duration_ns: float | None
) -> str | None:
    """What lifts a kernel above any roof."""
    if any(is_sparse_kernel(name) for name in kernel_names):
        return "2:4 sparsity: the counter shows the dense product's FLOPs against the dense roof"
    if time_source == "nsys" and cache != "warm":
        return "L2 reuse: bytes were counted with a cold cache, the time is of a run with a warm one"
    if duration_ns and duration_ns < UNRELIABLE_NS:
        return f"imprecision: counters and time of a kernel of {duration_ns / 1e3:.1f} µs do not go together well"
    return None


_FIGURES_OF = {
    "dram_read_bytes": "DRAM bytes and AI",
    "dram_write_bytes": "DRAM bytes and AI",
    "l2_read_bytes": "L2 bytes",
    "l2_write_bytes": "L2 bytes and the upper byte figure",
    "mufu_count": "special-function results",
}


def _failed_counters(f: OpFacts) -> Iterator[Finding]:
    """Figures that rest on a counter which the self-check found wrong on this GPU with this ncu."""
    check = f.references.selfcheck
    if check is None:
        return
    for column in check.failed_counters:
        if not f.row.get(column):
            continue
        what = "fractions at the clock" if column.startswith("peak_") else _FIGURES_OF.get(column, "FLOPs and AI")
        metrics = next((row.metrics for row in check.rows if row.counter == column), ())
        yield f.finding(
            "counter-failed-selfcheck", Severity.WARNING,
            f"{what} rest on {column}, which the self-check found wrong on {check.gpu}",
            "see roofprof selfcheck; do not use these figures", counter=column, metrics=list(metrics),
            gpu=check.gpu, ncu=check.ncu,
        )  # fmt: skip


def _below_floor(f: OpFacts) -> Iterator[Finding]:
    floor = f.references.selfcheck.floor if f.references.selfcheck else None
    if floor is None:
        return
    kernels = len(f.row["kernels"])
    floor_ns, floor_bytes = kernels * floor.duration_ns_max, kernels * floor.dram_bytes_max
    under = []
    if f.row["duration_ns"] is not None and f.row["duration_ns"] <= FLOOR_FACTOR * floor_ns:
        under.append(f"time (floor {floor_ns / 1e3:.2f} µs)")
    if f.row["dram_bytes"] is not None and f.row["dram_bytes"] <= FLOOR_FACTOR * floor_bytes:
        under.append(f"DRAM bytes (floor {format_si(floor_bytes, 'B')})")
    if under:
        yield f.finding(
            "below-floor", Severity.DOUBTFUL,
            f"{' and '.join(under)} within 2x of the empty-kernel floor on this GPU ({kernels} kernels)",
            "do not read rates, AI or ratios from it", duration_ns=f.row["duration_ns"], dram_bytes=f.row["dram_bytes"],
            floor_duration_ns=floor_ns, floor_dram_bytes=floor_bytes, kernel_count=kernels,
            floor_duration_ns_min=kernels * floor.duration_ns_min, floor_dram_bytes_min=kernels * floor.dram_bytes_min,
        )  # fmt: skip


def _launch_bound(f: OpFacts) -> Iterator[Finding]:
    kernels, duration = len(f.row["kernels"]), f.row["duration_ns"]
    if duration and duration / kernels < LAUNCH_BOUND_NS and f.measured_on.bound == "latency":
        yield f.finding(
            "launch-bound", Severity.INFO,
            f"{duration / kernels / 1e3:.2f} µs per kernel: most of it is start-up and tear-down, whatever it does",
            "fuse it with a neighbour; a CUDA graph shortens the gaps between kernels", duration_ns=duration,
            kernel_count=kernels, roof_fraction=f.measured_on.roof_fraction,
        )  # fmt: skip


def _clock_outlier(f: OpFacts) -> Iterator[Finding]:
    if count := f.row.get("clock_outlier_count"):
        yield f.finding(
            "clock-outlier", Severity.INFO,
            f"{count} of {f.row['calls']} calls ran at an SM clock below 90 % of the others' and are left out of the "
            "median",
            "check power, temperature and what else ran on the GPU, or repeat more often",
            call_count=f.row["calls"], outlier_count=count, sm_clock_hz_min=f.row["sm_clock_hz_min"],
            sm_clock_hz_median=f.row["sm_clock_hz_median"],
        )  # fmt: skip


def _warm_replayed(f: OpFacts) -> Iterator[Finding]:
    passes = f.row.get("replay_passes")
    if f.named.case.cache == "warm" and passes and passes > 1:
        yield f.finding(
            "warm-replayed", Severity.WARNING,
            f"the warm-cache bytes come from {passes} passes: each finds in L2 what the one before it left",
            "capture fewer groups of counters at a time", replay_passes=passes,
        )  # fmt: skip


def _mixed_work(f: OpFacts) -> Iterator[Finding]:
    """A kernel whose launches of one shape do different work: a persistent one, or a loop over K. A range that is
    opened for different sizes, which its name does not tell.
    """
    of_kernel = f.row.get("kind") == KERNEL
    if not of_kernel and f.named.formula is not None:
        return
    for column, what in (("flop_count", "FLOPs"), ("dram_bytes", "DRAM bytes")):
        least, most = f.row.get(f"{column}_min"), f.row.get(f"{column}_max")
        if least is None or most is None:
            continue
        if most > MIXED_WORK * least and (what == "FLOPs" or most - least > MIXED_BYTES):
            calls, alike, one = ("launches", " with one launch shape", "launch") if of_kernel else ("calls", "", "call")
            hint = "put NVTX ranges around them" if of_kernel else "give each size a range name of its own"
            yield f.finding(
                "mixed-work", Severity.INFO,
                f"its {calls} do between {format_si(least)} and {format_si(most)} {what}{alike}: the row is the median "
                f"{one} of different pieces of work",
                f"{hint}, or see every launch with --by launch",
                **{f"{column}_min": least, f"{column}_max": most},
            )  # fmt: skip
            return


def _other_precision(f: OpFacts) -> Iterator[Finding]:
    """Most tensor work in another precision than the range's formula says."""
    wanted = f.named.work.pipe if f.named.work else ""
    counts = f.tensor_flop_by_pipe
    if not wanted.startswith("tensor_") or not counts:
        return
    most = max(counts, key=lambda pipe: counts[pipe])
    if most != wanted:
        share = counts[most] / sum(counts.values())
        yield f.finding(
            "other-precision", Severity.DOUBTFUL,
            f"{format_number(100 * share)} % of the tensor FLOPs are {most.removeprefix('tensor_')}, the formula's are "
            f"{wanted.removeprefix('tensor_')}",
            "the library fell back to another kernel, or the range's name states the wrong precision",
            flop_by_pipe=counts, formula_pipe=wanted,
        )  # fmt: skip
