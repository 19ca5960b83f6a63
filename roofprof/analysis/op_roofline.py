"""An op against the roofs of the profiled GPU: the datasheet's, those at the clock, and the measured ones."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from roofprof.formulas.models import Work
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.hardware.roofline import RooflinePoint, Roofs, measured_bound, place
from roofprof.launches.measured_work import CallRow
from roofprof.results.op_groups import MeasuredOn, Useful
from roofprof.timeline.op_times import OpTiming

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck


@dataclass(frozen=True, slots=True)
class References:
    """What an op's numbers are compared with."""

    gpu: DeviceSpec
    """The profiled one."""
    target: DeviceSpec
    ceilings: Ceilings | None = None
    """Measured on the profiled GPU."""
    selfcheck: "Selfcheck | None" = None
    """Of the profiled GPU and the ncu that counted."""


def flop_by_pipe(row: CallRow) -> dict[str, float | None]:
    """FLOPs of a row of `op_rows`."""
    return {pipe: row[f"{pipe}_flop_count"] for pipe in PIPES}


def placed_flop_by_pipe(row: CallRow) -> dict[str, float | None]:
    """What of them is placed: nothing where the whole is unknown, for a part of it would stand too low."""
    return {} if row["flop_count"] is None else flop_by_pipe(row)


def seconds_of(row: CallRow, timing: OpTiming) -> float | None:
    """The time that rates use: nsys' where there is one."""
    ns = timing.nsys_union_ns or row["duration_ns"]
    return ns / 1e9 if ns else None


def over(a: float | None, b: float | None) -> float | None:
    """a / b where both are known and b is not 0."""
    return a / b if a is not None and b else None


def on_profiled_gpu(row: CallRow, references: References, timing: OpTiming, point: RooflinePoint) -> MeasuredOn:
    """The op on the profiled GPU, where `point` is its measured work under the datasheet's roofs."""
    gpu, pipes = references.gpu, placed_flop_by_pipe(row)
    ncu_s = row["duration_ns"] / 1e9 if row["duration_ns"] else None
    duration_s = seconds_of(row, timing)
    at_clock = place(pipes, row["dram_bytes"], _roofs_at_clock(row, gpu), row["mufu_count"])
    # The clock is the one that ncu saw, so only ncu's time goes with it.
    fraction_at_clock = None if at_clock.missing_peaks else over(at_clock.bound_time_s, ncu_s)
    known, seconds = (point, duration_s) if fraction_at_clock is None else (at_clock, ncu_s)
    bound = measured_bound(point.bound, known.bound_time_s, seconds)
    sends, roofs = bool(row.get("communicates")), references.ceilings
    best, mix = (None, None) if sends else _measured_roofs(row, roofs)
    here = MeasuredOn(
        gpu=gpu.name,
        bound=bound and str(bound),
        ridge_point=point.ridge_point,
        attainable_flop_per_s=point.attainable_flop_per_s,
        achieved_flop_per_s=over(row["flop_count"], duration_s),
        achieved_dram_bytes_per_s=over(row["dram_bytes"], duration_s),
        roof_fraction=over(point.bound_time_s, duration_s),
        roof_fraction_at_clock=fraction_at_clock,
        sm_clock_hz=row["sm_clock_hz"],
        roof_fraction_measured=over(best.bound_time_s, duration_s) if best and not best.missing_peaks else None,
        attainable_flop_per_s_measured=best.attainable_flop_per_s if best and not best.missing_peaks else None,
        dram_mix=mix,
        measured_roofs=roofs.origin if roofs else None,
    )
    return under_link(here, roofs, row["link_tx_bytes"], duration_s) if sends else here


def under_link(
    here: MeasuredOn, ceilings: Ceilings | None, sent_bytes: float | None, seconds: float | None
) -> MeasuredOn:
    """An op that communicates: measured roofs are of one GPU alone, of it they tell the link's."""
    sending_s = ceilings.link_time_s(sent_bytes) if ceilings else None
    return replace(
        here, roof_fraction_measured=over(sending_s, seconds), attainable_flop_per_s_measured=None, dram_mix=None,
        measured_roofs=ceilings.origin if ceilings and sending_s else None,
    )  # fmt: skip


def _measured_roofs(row: CallRow, ceilings: Ceilings | None) -> tuple[RooflinePoint | None, str | None]:
    if ceilings is None:
        return None, None
    mix = ceilings.dram_mix(row["dram_read_bytes"], row["dram_write_bytes"])
    return place(placed_flop_by_pipe(row), row["dram_bytes"], ceilings.roofs(mix), row["mufu_count"]), mix


def _roofs_at_clock(row: CallRow, gpu: DeviceSpec) -> Roofs:
    """The dense peaks of these launches; where the report states none, the datasheet's scaled to the clock."""
    clock = row["sm_clock_hz"]
    peaks = {}
    for pipe in PIPES:
        measured = row[f"peak_{pipe}_flop_per_s"]
        if measured is not None:
            peaks[pipe] = measured
        elif clock and (sheet := gpu.clock_of(pipe)) and pipe in gpu.peak_flop_per_s:
            peaks[pipe] = gpu.peak_flop_per_s[pipe] * clock / sheet
    boost = gpu.boost_clock_hz
    mufu = gpu.mufu_per_s * clock / boost if gpu.mufu_per_s and clock and boost else None
    return Roofs(peaks, row["dram_peak_bytes_per_s"] or gpu.dram_bytes_per_s, mufu)


def useful(row: CallRow, work: Work | None, point: RooflinePoint, timing: OpTiming) -> Useful | None:
    """The formula's work in the measured time and bytes, `point` on the profiled GPU; None without a formula."""
    if work is None:
        return None
    seconds = seconds_of(row, timing)
    return Useful(
        flop_count=work.flop_count,
        arithmetic_intensity=over(work.flop_count, row["dram_bytes"]),
        achieved_flop_per_s=over(work.flop_count, seconds),
        roof_fraction=over(point.bound_time_s, seconds),
    )
