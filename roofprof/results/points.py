"""Where an op's work stands under the datasheet's roofs: made once for each pair of work and GPU, and kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.roofline import UNPLACED, RooflinePoint, Roofs, place, with_link


@dataclass(frozen=True, slots=True)
class CountedWork:
    """What is placed: work by pipe and bytes, measured or by formula."""

    flop_by_pipe: Mapping[str, float | None]
    dram_bytes: float | None
    mufu_count: float | None = None
    link_bytes: float | None = None
    """Sent to other GPUs, of what communicates."""


@dataclass(frozen=True, slots=True)
class RooflinePoints:
    """Measured work and the formula's, on both GPUs; `UNPLACED` where there is no formula or no such GPU."""

    on_target: RooflinePoint = UNPLACED
    on_gpu: RooflinePoint = UNPLACED
    """On the profiled GPU."""
    formula_on_target: RooflinePoint = UNPLACED
    formula_on_gpu: RooflinePoint = UNPLACED


def roofline_points(
    measured: CountedWork, formula: CountedWork | None, gpu: DeviceSpec | None, target: DeviceSpec
) -> RooflinePoints:
    """Place an op.

    Args:
        measured: of its median call.
        formula: None without one.
        gpu: the profiled one; None where its specification is not known any more.
        target: the GPU whose roofs `bound` and `attainable_flop_per_s` are.
    """
    on_target, formula_on_target = _both(measured, formula, target)
    if gpu is None:
        return RooflinePoints(on_target=on_target, formula_on_target=formula_on_target)
    same = gpu == target
    on_gpu, formula_on_gpu = (on_target, formula_on_target) if same else _both(measured, formula, gpu)
    return RooflinePoints(on_target, on_gpu, formula_on_target, formula_on_gpu)


def _both(measured: CountedWork, formula: CountedWork | None, gpu: DeviceSpec) -> tuple[RooflinePoint, RooflinePoint]:
    roofs = Roofs.of(gpu)
    points = [
        with_link(place(w.flop_by_pipe, w.dram_bytes, roofs, w.mufu_count), w.link_bytes, gpu.nvlink_bytes_per_s)
        if w
        else UNPLACED
        for w in (measured, formula)
    ]
    return points[0], points[1]
