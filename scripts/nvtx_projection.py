"""Projection of NVTX ranges onto the GPU: when the work that each range launched began and ended there."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.timeline.frames import Operations
from roofprof.timeline.nesting import Integers, RangeForest, range_forest, runs

PROJECTION_SCHEMA = pl.Schema(
    {
        "range_id": pl.Int64(),
        "domain": pl.String(),
        "name": pl.String(),
        "style": pl.String(),
        "global_tid": pl.Int64(),
        "start_ns": pl.Int64(),  # on the CPU
        "end_ns": pl.Int64(),
        "projected_start_ns": pl.Int64(),
        "projected_duration_ns": pl.Int64(),
        "operation_count": pl.Int64(),
        "launch_count": pl.Int64(),  # distinct correlation ids: what nsys stats calls NumGPUOps
        "parent_range_id": pl.Int64(),
        "level": pl.Int64(),
    }
)

_BLOCK = 64
_MAX_OVERHANGING = 64  # API calls of one thread that are under way at once


def project_ranges(ranges: pl.DataFrame, operations: Operations | pl.DataFrame) -> pl.DataFrame:
    """What `nsys stats -r nvtx_gpu_proj_trace` prints: one row per range that launched GPU work.

    Args:
        ranges: RANGE_SCHEMA, every domain and style. Those that end on another thread are left out.
        operations: OPERATION_SCHEMA, or frames with its columns.

    Returns:
        PROJECTION_SCHEMA, in the order of projected start, the longest first.
    """
    forest = range_forest(ranges)
    spans = project(forest, launched(operations))
    used = np.flatnonzero(spans.operation_count)
    level = _levels(forest)
    chosen = ranges[forest.rows[used]]
    parent = forest.parent[used]
    parents = ranges["range_id"].gather(forest.rows[np.maximum(parent, 0)]).set(pl.Series(parent < 0), None)
    return pl.DataFrame(
        {
            **chosen.select("range_id", "domain", "name", "style", "global_tid", "start_ns").to_dict(),
            "end_ns": forest.end[used],
            "projected_start_ns": spans.start[used],
            "projected_duration_ns": spans.end[used] - spans.start[used],
            "operation_count": spans.operation_count[used],
            "launch_count": spans.launch_count[used],
            "parent_range_id": parents,
            "level": level[used],
        },
        schema=PROJECTION_SCHEMA,
    ).sort(["projected_start_ns", "projected_duration_ns"], descending=[False, True], maintain_order=True)


@dataclass(frozen=True, slots=True)
class Launched:
    """GPU operations with a known launch, sorted by thread and start of the API call."""

    thread: Integers
    call_start: Integers
    call_end: Integers
    correlation_id: Integers
    start: Integers
    end: Integers


def launched(operations: Operations | pl.DataFrame) -> Launched:
    """The operations whose launch is in the trace, in the order of launch."""
    names = ("launch_global_tid", "launch_start_ns", "launch_end_ns", "correlation_id", "start_ns", "end_ns")
    known = pl.DataFrame({name: operations[name] for name in names})
    if known["launch_start_ns"].null_count():
        known = known.filter(pl.col("launch_start_ns").is_not_null())
    thread, call_start, call_end, correlation, start, end = (known[n].fill_null(0).to_numpy() for n in names)
    if not _ordered(thread, call_start):
        order = np.lexsort((call_start, thread))
        thread, call_start, call_end = thread[order], call_start[order], call_end[order]
        correlation, start, end = correlation[order], start[order], end[order]
    return Launched(thread, call_start, call_end, correlation, start, end)


def _ordered(thread: Integers, start: Integers) -> bool:
    same = thread[1:] == thread[:-1]
    return bool(((thread[1:] > thread[:-1]) | (same & (start[1:] >= start[:-1]))).all())


@dataclass(frozen=True, slots=True)
class Spans:
    """One row per range of a forest: what it launched, nested ranges included."""

    start: Integers
    """First start on the GPU; meaningless without operations."""
    end: Integers
    """Last end on the GPU."""
    operation_count: Integers
    launch_count: Integers


def project(forest: RangeForest, work: Launched) -> Spans:
    """First start and last end on the GPU of what was launched within each range.

    Operations in the order of launch make each range's a run [low, high); minima over runs come from blocks,
    so that ten thousand ranges around the same million kernels cost no more than ten thousand.
    """
    low, high = _runs_of_launches(forest, work)
    new_launch = np.ones(len(work.start) + 1, np.int64)
    new_launch[1:-1] = (work.correlation_id[1:] != work.correlation_id[:-1]) | (work.thread[1:] != work.thread[:-1])
    launches = np.concatenate([[0], np.cumsum(new_launch[:-1])])
    # A run may begin amid the operations of one launch only if ranges cut an API call, which they cannot.
    return Spans(
        start=_extremes(work.start, low, high, np.minimum),
        end=_extremes(work.end, low, high, np.maximum),
        operation_count=high - low,
        launch_count=launches[high] - launches[low],
    )


def _runs_of_launches(forest: RangeForest, work: Launched) -> tuple[Integers, Integers]:
    """First and past-the-last operation whose API call lies within each range."""
    low, high = np.zeros(len(forest.rows), np.int64), np.zeros(len(forest.rows), np.int64)
    of_thread = {tid: (first, last) for tid, first, last in runs(work.thread)}
    for tid, first, last in runs(forest.thread):
        begin, stop = of_thread.get(tid, (0, 0))
        calls = work.call_start[begin:stop]
        low[first:last] = begin + np.searchsorted(calls, forest.start[first:last], side="left")
        high[first:last] = begin + np.searchsorted(calls, forest.end[first:last], side="right")
    high = np.maximum(low, high)
    for _ in range(_MAX_OVERHANGING):
        over = np.flatnonzero(high > low)
        over = over[work.call_end[high[over] - 1] > forest.end[over]]
        if not len(over):
            break
        # The call outlasts the range: not within it, and neither are the other operations that it launched.
        high[over] = np.maximum(low[over], _first_of_call(work, high[over] - 1))
    return low, high


def _first_of_call(work: Launched, position: Integers) -> Integers:
    """The first operation with the same API call as the one given."""
    starts = np.ones(len(work.start), bool)
    starts[1:] = (work.call_start[1:] != work.call_start[:-1]) | (work.thread[1:] != work.thread[:-1])
    firsts = np.flatnonzero(starts)
    return firsts[np.searchsorted(firsts, position, side="right") - 1]


def _extremes(values: Integers, low: Integers, high: Integers, pick: np.ufunc) -> Integers:
    """pick.reduce(values[low:high]) for each run; 0 for an empty one."""
    found = np.zeros(len(low), np.int64)
    filled = np.flatnonzero(high > low)
    if not len(filled):
        return found
    low, last = low[filled], high[filled] - 1
    table = _block_table(values, pick)
    forward, backward = _within_blocks(values, pick)
    first_block, last_block = low // _BLOCK, last // _BLOCK
    result = pick(forward[last], backward[low])  # right wherever the run spans more than one block
    between = np.flatnonzero(last_block - first_block > 1)
    if len(between):
        left, right = first_block[between] + 1, last_block[between]
        step = np.frexp((right - left).astype(np.float64))[1] - 1
        result[between] = pick(result[between], pick(table[step, left], table[step, right - (1 << step)]))
    inside = np.flatnonzero(first_block == last_block)
    if len(inside):
        padded = np.append(values, values[-1])
        edges = np.stack([low[inside], last[inside] + 1], axis=1).reshape(-1)
        result[inside] = pick.reduceat(padded, edges)[::2]
    found[filled] = result
    return found


def _within_blocks(values: Integers, pick: np.ufunc) -> tuple[Integers, Integers]:
    """Extremes from each block's first element to here, and from here to its last."""
    padded = np.append(values, np.full(-len(values) % _BLOCK, values[-1]))
    blocks = padded.reshape(-1, _BLOCK)
    forward = pick.accumulate(blocks, axis=1).reshape(-1)
    backward = pick.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    return forward, backward


def _block_table(values: Integers, pick: np.ufunc) -> Integers:
    """Sparse table over blocks: row k holds the extreme of the 2^k blocks from each."""
    padded = np.append(values, np.full(-len(values) % _BLOCK, values[-1]))
    rows = [pick.reduce(padded.reshape(-1, _BLOCK), axis=1)]
    while (step := 1 << (len(rows) - 1)) < len(rows[0]):
        row = rows[-1].copy()
        row[:-step] = pick(row[:-step], rows[-1][step:])
        rows.append(row)
    return np.stack(rows)


def _levels(forest: RangeForest) -> Integers:
    """Enclosing ranges of each: parents come before their children."""
    levels: list[int] = []
    for parent in forest.parent.tolist():
        levels.append(0 if parent < 0 else levels[parent] + 1)
    return np.array(levels, np.int64)
