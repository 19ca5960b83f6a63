"""Joins ncu's launches with nsys' kernels one to one: counters from one, time from the other, or the reason why not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.launches.measured_work import communicates
from roofprof.timeline.frames import BLOCK, GRID, NsysTrace, shapes_of_ncu, with_shapes
from roofprof.timeline.intervals import grouped
from roofprof.timeline.join_rules import JoinFinding, join_findings
from roofprof.timeline.nesting import runs
from roofprof.timeline.rows import RangePath
from roofprof.timeline.timeline import Timeline
from roofprof.timeline.unmatched import KEY, only_ncu, only_nsys

MAX_OFFSET_NS = 3000.0
MAX_RATIO = 1.3
"""ncu and nsys times that differ by more than both are flagged: short kernels differ by a constant."""

_EXACT_KEY = (*KEY, "kernel_demangled_name")
_SHAPE_KEY = tuple(name for name in KEY if name != "kernel_name")

JOIN_SCHEMA = pl.Schema(
    {
        "report": pl.String(),
        "launch_id": pl.Int64(),
        "kernel_row": pl.Int64(),  # row of NsysTrace.kernels
        "op": pl.String(),
        "nvtx_path": pl.List(pl.String()),
        "kernel_name": pl.String(),
        "ordinal": pl.Int64(),  # among launches of this kernel and shape on this path, from 0
        "overlapped": pl.Boolean(),  # another kernel ran beside it under nsys, never under ncu
        "ncu_duration_ns": pl.Float64(),
        "nsys_duration_ns": pl.Int64(),
        "offset_ns": pl.Float64(),  # ncu - nsys
        "ratio": pl.Float64(),  # ncu / nsys
        "flagged": pl.Boolean(),
    }
)
"""One row per launch that both tools saw."""


@dataclass(frozen=True, slots=True)
class Join:
    """Both tools' views of the same launches."""

    matched: pl.DataFrame
    """JOIN_SCHEMA."""
    unmatched: pl.DataFrame
    """`unmatched.UNMATCHED_SCHEMA`. Kernels on paths that ncu did not profile are not listed."""
    median_offset_ns: float | None
    """Median of ncu's minus nsys' time of a launch: what ncu's serialisation and cache control add."""
    findings: tuple[JoinFinding, ...]


def join_launches(launches: pl.DataFrame, trace: NsysTrace, timeline: Timeline) -> Join:
    """Match by NVTX path without layer and step numbers, kernel name, grid, block and ordinal.

    Args:
        launches: LAUNCH_SCHEMA with `nvtx_path` (list of range names, outermost first) and `op`, both null outside
            ranges. Each report is joined on its own: reports of one capture hold the same launches.
        trace: nsys' trace of the same command.
        timeline: made from that trace, in the domain that gave `nvtx_path`.
    """
    ncu = _ncu_side(launches, timeline)
    nsys = _nsys_side(trace, timeline, ncu)
    pairs = [_pair(report, nsys) for report in ncu.partition_by("report", maintain_order=True)]
    both = pl.concat(pairs) if pairs else _pair(ncu, nsys)
    matched = _matched(both.filter(pl.col("kernel_row").is_not_null()))
    without = both.filter(pl.col("kernel_row").is_null())
    unmatched = pl.concat([only_ncu(without, nsys), only_nsys(nsys, ncu, matched, timeline.paths)])
    offset = matched["offset_ns"].median()
    median = float(offset) if isinstance(offset, float) else None
    return Join(matched, unmatched, median, tuple(join_findings(matched, unmatched)))


def _ncu_side(launches: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """ncu's launches with the key's columns; `path` is null where nsys has no such path."""
    numbers: dict[RangePath, int] = {}
    for number, path in enumerate(timeline.paths):
        numbers.setdefault(timeline.key_of(path), number)  # `Timeline.kernels` name the first path of an op
    found = [None if p is None else numbers.get(timeline.key_of(p)) for p in launches["nvtx_path"].to_list()]
    frame = launches.select(
        *("report", "launch_id", "op", "nvtx_path", "kernel_name", "kernel_demangled_name", "grid", "block"),
        ncu_duration_ns="duration_ns",
    ).with_columns(
        pl.Series("path", found, dtype=pl.Int32),
        *shapes_of_ncu(),
    )
    return frame.sort("report", "launch_id", maintain_order=True)


def _nsys_side(trace: NsysTrace, timeline: Timeline, ncu: pl.DataFrame) -> pl.DataFrame:
    """nsys' kernels on the paths that ncu profiled, in the order of launch.

    Where a path was both launched and replayed by a graph, the launches are taken: ncu ran without the graph.
    """
    wanted = ncu["path"].drop_nulls().unique()
    times = ("start_ns", "end_ns", "launch_start_ns", "device_id")
    frame = (
        trace.kernels.select(*times, "kernel_name", "kernel_demangled_name", "shape")
        .with_columns(timeline.kernels["path"], timeline.kernels["replayed"], _overlapped(trace.kernels))
        .with_row_index("kernel_row")
        .filter(pl.col("path").is_in(wanted.to_list()))
        .filter(pl.col("replayed") == pl.col("replayed").min().over("path"))
        .sort(pl.col("launch_start_ns").fill_null(pl.col("start_ns")), "start_ns", maintain_order=True)
    )
    return with_shapes(frame, trace.shapes).select(
        pl.col("kernel_name", "kernel_demangled_name").cast(pl.String),
        *("path", *GRID, *BLOCK, "overlapped"),
        pl.col("kernel_row").cast(pl.Int64),
        nsys_duration_ns=pl.col("end_ns") - pl.col("start_ns"),
    )


def _overlapped(kernels: pl.DataFrame) -> pl.Series:
    """Whether another kernel ran on the same device at the same time: each then slows the other."""
    device = kernels["device_id"].fill_null(-1).to_numpy()
    start, end = kernels["start_ns"].to_numpy(), kernels["end_ns"].to_numpy()
    order = grouped(device, start).order
    found = np.zeros(len(order), bool)
    for _, low, high in runs(device[order]):
        rows = order[low:high]
        latest = np.maximum.accumulate(end[rows])
        late = np.flatnonzero(start[rows][1:] < latest[:-1]) + 1
        found[rows[late]] = True
        found[rows[:-1][end[rows][:-1] > start[rows][1:]]] = True
    return pl.Series("overlapped", found)


def _pair(ncu: pl.DataFrame, nsys: pl.DataFrame) -> pl.DataFrame:
    """One report's launches with their kernels: by full name first, the rest by the function's name.

    The tools may print templates differently; where they agree, kernels that differ in templates alone are
    told apart. A kernel that nsys could not name is told by its shape, where that leaves one function of ncu's.
    """
    rest, pairs = ncu, []
    for key in (_EXACT_KEY, KEY):
        found, rest, nsys = _paired(rest, nsys, key)
        pairs.append(found)
    nameless = nsys.filter(pl.col("kernel_name").is_null())
    if nameless.height:
        alone = pl.col("kernel_name").n_unique().over(_SHAPE_KEY) == 1
        found, left, _ = _paired(rest.filter(alone), nameless, _SHAPE_KEY)
        pairs.append(found)
        rest = pl.concat([rest.filter(~alone), left])
    return pl.concat([*pairs, rest], how="diagonal").sort("launch_id", maintain_order=True)


def _paired(
    ncu: pl.DataFrame, nsys: pl.DataFrame, key: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Launches with the kernel of the same key and ordinal, and what is left of both sides."""
    candidates = numbered(nsys, key).select(*key, "ordinal", "kernel_row", "nsys_duration_ns", "overlapped")
    here = numbered(ncu, key).join(candidates, on=[*key, "ordinal"], how="left", maintain_order="left")
    found = here.filter(pl.col("kernel_row").is_not_null())
    rest = here.filter(pl.col("kernel_row").is_null()).select(ncu.columns)
    return found, rest, nsys.join(found.select("kernel_row"), on="kernel_row", how="anti", maintain_order="left")


def numbered(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The frame with each row's number among the rows of its key."""
    return frame.with_columns(ordinal=pl.int_range(pl.len()).over(*key))


def _matched(both: pl.DataFrame) -> pl.DataFrame:
    offset = pl.col("ncu_duration_ns") - pl.col("nsys_duration_ns")
    nsys = pl.col("nsys_duration_ns")
    frame = both.with_columns(offset_ns=offset, ratio=pl.when(nsys > 0).then(pl.col("ncu_duration_ns") / nsys))
    apart = (pl.col("ratio") > MAX_RATIO) | (pl.col("ratio") < 1 / MAX_RATIO) | pl.col("ratio").is_null()
    far = pl.col("offset_ns").abs() > MAX_OFFSET_NS
    # Under ncu a collective waits for ranks whose kernels run one at a time: its time there tells nothing.
    frame = frame.with_columns(flagged=(far & apart).fill_null(False) & ~communicates())
    return frame.select(pl.col(n).cast(t) for n, t in JOIN_SCHEMA.items())
