"""What a reader of any output has to be told in words: whose roofs these are, and whose time."""

from collections.abc import Sequence

from roofprof.hardware.ceilings import SHIPPED, Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.results.op import OpResult


def report_notes(
    gpu: DeviceSpec, target: DeviceSpec, ops: Sequence[OpResult], ceilings: Ceilings | None = None
) -> list[str]:
    """The notes of one analysis.

    Args:
        gpu: the profiled GPU.
        target: the one whose roofs bound and attainable rates are.
        ops: every row.
        ceilings: measured roofs, where they were applied to some row.
    """
    return [*_target_notes(gpu, target), *_time_notes(ops), *_ceiling_notes(ceilings)]


def _target_notes(gpu: DeviceSpec, target: DeviceSpec) -> list[str]:
    notes = []
    if target.name != gpu.name:
        notes.append(
            f"measured on {gpu.sku}; bound and attainable are extrapolated to {target.name} ({target.sku}); "
            f"achieved rates and fractions of the roof are those of the profiled GPU"
        )
    notes.append(f"{target.name}: {target.source}")
    notes += [f"{target.name}, doubtful: {target.doubtful}"] if target.doubtful else []
    return notes


def _time_notes(ops: Sequence[OpResult]) -> list[str]:
    if not any(op.time_source == "nsys" for op in ops):
        return []
    return [
        "rates and fractions of the roof use nsys' time (union of an op's kernels, no profiler replaying them) with "
        "ncu's bytes and FLOPs, and so do µs under 'nsys'; the fraction at the clock uses ncu's time, "
        "because ncu measured that clock"
    ]


def _ceiling_notes(ceilings: Ceilings | None) -> list[str]:
    if ceilings is None:
        return []
    another = "another " if ceilings.origin == SHIPPED else ""
    return [
        f"measured roofs: {another}{ceilings.gpu}, {ceilings.created[:10]}; bursts, DRAM by the access mix nearest to "
        "the op's"
    ]
