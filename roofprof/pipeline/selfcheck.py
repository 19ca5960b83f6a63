"""From a captured self-check to its result, and to the result that belongs to a capture."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json
from roofprof.formats.capture import load_capture
from roofprof.formats.manifest import MANIFEST
from roofprof.hardware.chip import Chip, chip_of_capability, common_counters
from roofprof.hardware.devices import recognise_gpu
from roofprof.hardware.profiled_gpu import figure_of
from roofprof.pipeline.capture_group import read_group
from roofprof.selfcheck.check import check_counters, expected_in
from roofprof.selfcheck.result import SELFCHECK, Row, Selfcheck, load_selfcheck
from roofprof.validate import built

FOLDER = "selfcheck"
"""Of a capture's directory: the kernels of the self-check that was captured with it."""
RECORD = "calibration.json"
DEFAULT_L2_BYTES = 50e6


def find_selfcheck(path: Path, required: bool = True) -> Selfcheck | None:
    """The self-check that a path means: a selfcheck.json, a directory with one, or one with its captured kernels.

    Raises:
        ReportError: none is there although it is required, or it cannot be read.
    """
    if not os.path.isdir(path):
        return load_selfcheck(path)
    if os.path.lexists(path / SELFCHECK):
        return load_selfcheck(path / SELFCHECK)
    if os.path.isdir(path / FOLDER):
        return find_selfcheck(path / FOLDER, required)
    if os.path.lexists(path / RECORD):
        return evaluate_capture(path)
    if required:
        raise ReportError(f"{path} holds no self-check", "make one with roofprof selfcheck -o DIR")
    return None


def evaluate_capture(folder: Path) -> Selfcheck:
    """Evaluate the captured kernels of a self-check.

    Raises:
        ReportError: not a capture, or none of its ranges gives expected counts.
    """
    if not os.path.lexists(folder / MANIFEST) and os.path.isdir(folder / FOLDER):
        folder = folder / FOLDER
    capture = load_capture(folder)
    read = read_group(capture.groups[0])
    expected_by_range = expected_in(read.launches)
    if not expected_by_range:
        raise ReportError(f"{folder} holds no kernel with expected counts", "make one with roofprof selfcheck -o DIR")
    device = next(iter(read.devices.values()), {})
    name = str(device.get("device_name") or "unknown GPU")
    l2_bytes = float(figure_of(device, "l2_cache_bytes") or DEFAULT_L2_BYTES)
    rows, floor = check_counters(read.launches, expected_by_range, recognise_gpu(name), l2_bytes)
    capability = f"{device.get('compute_capability_major')}.{device.get('compute_capability_minor')}"
    chip = chip_of_capability(capability, name)
    record = _record(folder)
    return Selfcheck(
        gpu=name,
        ncu=capture.versions.get("ncu"),
        driver=capture.versions.get("driver"),
        created=capture.created,
        chip=capture.chip,
        rows=[replace(row, metrics=_metrics(row, chip)) for row in rows],
        floor=floor,
        skipped=record.skipped or {},
        untested=record.untested,
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """What is read of the harness' own record."""

    skipped: Mapping[str, str] | None = field(default_factory=dict)
    untested: str | None = None


def _record(folder: Path) -> _Record:
    """What the harness wrote; empty where it did not."""
    path = folder / RECORD
    if not os.path.lexists(path):
        return _Record()
    hint = "capture the self-check again"
    try:
        return built(_Record, read_json(path, hint))
    except FieldError as error:
        raise ReportError(f"{path}: {error}", hint) from None


def _metrics(row: Row, chip: Chip | None) -> tuple[str, ...]:
    """The ncu metrics behind a column."""
    if base := (chip.counters if chip else common_counters()).get(row.counter):
        return (f"{base}.sum",)
    pipe = row.counter.removeprefix("peak_").removesuffix("_flop_per_s").removesuffix("_flop_count")
    counter = chip.pipes.get(pipe) if chip else None
    if counter is None:
        return ()
    if row.counter.startswith("peak_"):
        return (f"{counter.peak}.sum.peak_sustained",) if counter.peak else ()
    return tuple(f"{base}.sum" for base in next(iter(counter.alternatives), ()))
