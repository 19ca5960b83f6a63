"""Measured roofs beside the datasheet's, as plain lines: printed where rich is not installed either."""

from collections.abc import Iterator, Mapping
from typing import Any

from roofprof.formatting import escaped, format_percent, format_si
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec, recognise_gpu


def ceiling_lines(found: Ceilings) -> Iterator[str]:
    """A table and its conditions, without control characters."""
    return map(escaped, _lines(found))


def _lines(found: Ceilings) -> Iterator[str]:
    spec = recognise_gpu(found.gpu)
    rows = [("roof", "datasheet", "measured", "of it", "sustained", "of it", ""), *_rows(found, spec)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *padded[1:6], row[6]]).rstrip()
    for name, value in found.launch_floor_ns.items():
        yield f"launch floor, {name}: {value / 1e3:.2f} µs"
    yield f"{found.gpu}, {found.created}; datasheet: {spec.source if spec else 'none known'}"
    yield "; ".join(f"{key} {value}" for key, value in found.conditions.items() if value is not None)
    for name, why in found.skipped.items():
        yield f"not measured: {name}: {why}"


def link_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The link's roofs, as `roofprof ceilings --ranks` writes them, beside the datasheet's."""
    return map(escaped, _link_lines(found))


def _link_lines(found: Mapping[str, Any]) -> Iterator[str]:
    spec = recognise_gpu(str(found.get("gpu")))
    sheet = spec.nvlink_bytes_per_s if spec else None
    for way in ("peer_read", "peer_write"):
        rate = found.get(f"{way}_bytes_per_s")
        of_sheet = f", {format_percent(rate / sheet)} of {format_si(sheet, 'B/s')}" if rate and sheet else ""
        yield f"{way.replace('_', ' ')}: {format_si(rate, 'B/s')}{of_sheet}"
    yield f"all-reduce on {found['ranks']} GPUs, the slowest rank's, calls back to back"
    yield f"{'bytes':>10}  {'time':>9}  {'bytes/time':>10}  {'ring, sent/time':>15}"
    for row in found["all_reduce"]:
        time, rate, sent = row["duration_ns"] / 1e9, row["algorithm_bytes_per_s"], row["ring_link_bytes_per_s"]
        yield (
            f"{format_si(row['bytes'], 'B'):>10}  {format_si(time, 's'):>9}  {format_si(rate, 'B/s'):>10}  "
            f"{format_si(sent, 'B/s'):>15}"
        )
    if found["conditions"].get("launched_from") == "CUDA graph":
        yield "replayed from a CUDA graph: for short messages the time is that of meeting the others, and no link's"
    else:
        yield "each call is launched from Python: for short messages the time is mostly that launch, and no link's"
    if not found["conditions"].get("nvls_off"):
        yield "NVLS was not off (NCCL_NVLS_ENABLE): sums made in the switch send other bytes than the ring's"
    yield f"{found.get('gpu') or 'no GPU'}, {found['created']}; datasheet: {spec.source if spec else 'none known'}"
    for name, why in found["skipped"].items():
        yield f"not measured: {name}: {why}"


Cells = tuple[str, str, str, str, str, str, str]


def _rows(found: Ceilings, spec: DeviceSpec | None) -> Iterator[Cells]:
    for mix, value in found.dram_bytes_per_s.items():
        yield _row(f"DRAM {mix}", spec.dram_bytes_per_s if spec else None, value, None, "B/s", "")
    if found.l2_read_bytes_per_s:
        yield _row("L2 read", spec.l2_bytes_per_s if spec else None, found.l2_read_bytes_per_s, None, "B/s", "")
    for pipe, peak in found.peak_flop_per_s.items():
        sheet = spec.peak_flop_per_s.get(pipe) if spec else None
        yield _row(pipe, sheet, peak.burst, peak.sustained, "FLOP/s", peak.size or "")
    if found.mufu_per_s:
        yield _row("MUFU", spec.mufu_per_s if spec else None, found.mufu_per_s, None, "/s", "")


def _row(name: str, sheet: float | None, best: float, sustained: float | None, unit: str, note: str) -> Cells:
    def share(value: float | None) -> str:
        return format_percent(value / sheet) if value and sheet else ""

    shown = format_si(sustained, unit) if sustained else ""
    return name, format_si(sheet, unit), format_si(best, unit), share(best), shown, share(sustained), note
