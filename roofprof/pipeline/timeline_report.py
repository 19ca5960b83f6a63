"""An nsys trace as an analysis of times alone, for diffs: what ncu counts is unknown in it."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from roofprof.analysis.op_result import build_op
from roofprof.analysis.op_roofline import References
from roofprof.changes.notes import TRACE_NOTE
from roofprof.errors import UsageError
from roofprof.formats.capture import TRACE_SUFFIXES, UNKNOWN_CONDITIONS, is_parquet_export
from roofprof.formats.manifest import MANIFEST
from roofprof.formulas.ops_file import OpsConfig, load_ops_config
from roofprof.hardware.devices import DeviceSpec
from roofprof.launches.ranges import NamedRange, PathKey, case_outside, name_ranges
from roofprof.pipeline.timeline import TimelineRequest, read_timelines
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.op_groups import Range, Spread
from roofprof.results.report import RooflineReport, Unattributed, now
from roofprof.timeline.devices import device_title
from roofprof.timeline.op_times import NO_TIMING
from roofprof.timeline.rows import OpRow
from roofprof.timeline.shown.document import RankedTimeline

UNKNOWN_GPU = DeviceSpec(
    name="GPU of a trace", sku="the GPU of a trace", source="none: a trace names no GPU", peak_flop_per_s={},
    dram_bytes_per_s=None,
)  # fmt: skip


def is_trace(path: Path) -> bool:
    """Whether a path is an nsys trace, or a folder of one in Parquet, and no capture."""
    if os.path.isdir(path):  # Path.is_dir raises where a name is too long
        return not (path / MANIFEST).exists() and is_parquet_export(path)
    return path.suffix.lower() in TRACE_SUFFIXES


def timeline_report(
    path: Path, domain: str | None = None, ops: str | None = None, *, read_only: bool = False
) -> RooflineReport:
    """Ops, and kernels in no range, with their times; every device of the trace is a report of its own.

    Args:
        path: of the trace.
        domain: NVTX domain of the ops.
        ops: an ops file, or the name of a bundled one.
        read_only: see `TimelineRequest`.

    Raises:
        RoofprofError: the trace cannot be read.
        UsageError: the domain is not there, or must be chosen.
    """
    config = load_ops_config(ops) if ops else None
    lines = read_timelines(TimelineRequest(path, domain, ops, read_only=read_only))
    if not lines:
        raise UsageError(f"{path} holds no timeline", "give an nsys trace")
    rows = [row for line in lines for row in _rows(line)]
    named = _names(rows, config, lines[0].timeline.domain)
    made = [_op(row, named, config) for row in rows]
    return RooflineReport(
        generated=now(),
        gpu=UNKNOWN_GPU,
        target=UNKNOWN_GPU,
        notes=[TRACE_NOTE],
        reports=[
            {"name": name, "launch_count": 0, "workload_types": [], "replay_passes": [], "devices": {}}
            for name in dict.fromkeys(row.report for row in rows)
        ],
        ops=[op for op, _ in made],
        kernels=pl.DataFrame(
            [kernel for _, kernels in made for kernel in kernels], schema=KERNEL_SCHEMA, strict=False, orient="row"
        ),
        unattributed=Unattributed(0, None, None, None, []),
        findings=[finding for line in lines for finding in line.timeline.findings],
    )


@dataclass(frozen=True, slots=True)
class _Row:
    report: str
    first_launch: int
    """Launch id of its first kernel: kernels are numbered through the report."""
    op: OpRow
    implementation: str | None


def _rows(line: RankedTimeline) -> Iterator[_Row]:
    devices = line.timeline.devices
    both = len({row["launch"] for row in line.timeline.ops}) > 1
    for device, ranking in zip(devices, line.rankings, strict=True):
        report = line.name if len(devices) == 1 else f"{line.name}, {device_title(device)}"
        number = 0
        for row in ranking.rows:
            words = {"graph": "CUDA graph", "stream": "stream"} if both and row["kind"] == "op" else {}
            yield _Row(report, number, row, row["implementation"] or words.get(row["launch"]))
            number += len(row["kernels"])


def _names(rows: Sequence[_Row], config: OpsConfig | None, domain: str | None) -> dict[PathKey, NamedRange]:
    """What the ranges' names say, as an analysis reads them."""
    paths = [{"report": row.report, "nvtx_path": row.op["nvtx_path"]} for row in rows if row.op["kind"] == "op"]
    frame = pl.DataFrame(paths, schema={"report": pl.String, "nvtx_path": pl.List(pl.String)})
    domains = {row.report: domain for row in rows} if domain else None
    return name_ranges(frame, config, None, domains)[0]


def _op(
    row: _Row, named: dict[PathKey, NamedRange], config: OpsConfig | None
) -> tuple[OpResult, list[dict[str, object]]]:
    """The row with the times that are known, and its kernels."""
    found, path = row.op, tuple(row.op["nvtx_path"])
    name = named.get((row.report, path)) or NamedRange(found["op"], case=case_outside(config, UNKNOWN_CONDITIONS))
    name = replace(name, case=replace(name.case, implementation=row.implementation or name.case.implementation))
    kernels: list[dict[str, object]] = [
        {"report": row.report, "launch_id": number, "kernel_name": kernel["kernel_demangled_name"],
         "duration_ns": kernel["mean_ns"]}
        for number, kernel in enumerate(found["kernels"], row.first_launch)
    ]  # fmt: skip
    unknown: dict[str, object] = defaultdict(lambda: None)
    unknown |= {
        "nvtx_path": list(path), "report": row.report, "calls": found["calls"], "kind": found["kind"],
        "kernels": [kernel["launch_id"] for kernel in kernels], "clock_outlier_count": 0,
    }  # fmt: skip
    timing = replace(
        NO_TIMING, calls=found["calls"], nsys_duration_ns=found["nsys_duration_ns"], nsys_union_ns=found["busy_ns"],
        nsys_projected_ns=found["nsys_projected_ns"], share=found["share"],
    )  # fmt: skip
    op = build_op(unknown, name, [], [], References(UNKNOWN_GPU, UNKNOWN_GPU), timing)
    unmeasured = Range(None, None)
    return replace(op, findings=[], spread=Spread(Range(*found["spread"]["busy_ns"]), unmeasured, unmeasured)), kernels
