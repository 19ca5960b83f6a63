"""Builds the launch frame from what a reader found, whole columns at once."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roofprof.formats.ncu_rep_nvtx import OpenRanges
from roofprof.launches.schema import HOW_COLUMNS, LAUNCH_SCHEMA, check_schema
from roofprof.parsers.ncu.opcode_columns import opcode_columns, uncounted_opcodes
from roofprof.parsers.ncu.results import UNKNOWN_DEVICE, LeftOpen, MetricGroup, Results

_OF_ONE_KERNEL = (
    "grid", "block", "thread_count", "registers_per_thread", "waves_per_sm", "shared_memory_per_block_bytes",
    "cluster_size", "theoretical_occupancy",
)  # fmt: skip
_TRIPLES = {"grid": ("grid_x", "grid_y", "grid_z"), "block": ("block_x", "block_y", "block_z")}


def launch_frame(results: Results, name: str) -> pl.DataFrame:
    """One row per launch in file order, `LAUNCH_SCHEMA`; `name` is what the report is called."""
    count = len(results.function)
    numbers = _numbers(results.groups, count)
    columns = {
        "report": pl.repeat(name, count, dtype=pl.String, eager=True),
        "launch_id": pl.int_range(count, dtype=pl.Int64, eager=True),
        "process_id": pl.Series(results.process_id, dtype=pl.Int64),
        "workload_type": pl.Series(results.workload, dtype=pl.String),
        "kernel_name": pl.Series(results.function, dtype=pl.String),
        "kernel_demangled_name": pl.Series(results.demangled, dtype=pl.String),
        "grid": _triples(numbers, "grid", results.grid),
        "block": _triples(numbers, "block", results.block),
        "nvtx": _nvtx(results.nvtx),
        "uncounted_opcodes": _uncounted(results.groups, count),
        **_of_devices(results, count),
    }
    unknown = np.full(count, np.nan)
    counted = {name: dtype for name, dtype in LAUNCH_SCHEMA.items() if name not in (*columns, "how")}
    frame = pl.DataFrame({**columns, **{name: numbers.get(name, unknown) for name in counted}}).with_columns(
        pl.col(name).fill_nan(None).cast(dtype, strict=False)  # beyond 64 bits: unknown
        for name, dtype in counted.items()
    )
    frame = frame.with_columns(_how(results.groups, count, frame))
    # ncu repeats some launch of a range in the range's result; it is not the range's own.
    others = pl.col("workload_type") != "kernel"
    frame = frame.with_columns(pl.when(~others).then(pl.col(column)).alias(column) for column in _OF_ONE_KERNEL)
    return check_schema(frame.select(LAUNCH_SCHEMA.names()), LAUNCH_SCHEMA, "reading")


def left_open(results: Results) -> LeftOpen:
    """Which columns the metrics do not fill, and chips that have no table."""
    missing: dict[str, dict[str, int]] = {}
    unknown_chips: dict[str, int] = {}
    for group in results.groups:
        count = len(group.launches)
        for column, metric in group.plan.missing.items():
            counts = missing.setdefault(column, {})
            counts[metric] = counts.get(metric, 0) + count
        if not group.chip.has_table:
            unknown_chips[group.chip.name] = unknown_chips.get(group.chip.name, 0) + count
    return {"missing": missing, "unknown_chips": unknown_chips}


def _numbers(groups: Sequence[MetricGroup], count: int) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for group in groups:
        columns: dict[str, NDArray[np.float64] | None] = group.plan.columns(group.values)
        if group.opcodes:
            columns |= opcode_columns(group.plan, group.opcodes)
        for column, values in columns.items():
            if values is None:
                continue
            if column not in found:
                found[column] = np.full(count, np.nan)
            found[column][group.launches] = values
    return found


def _uncounted(groups: Sequence[MetricGroup], count: int) -> pl.Series:
    found: list[str | None] = [None] * count
    for group in groups:
        for launch, work in zip(group.launches.tolist(), group.opcodes, strict=False):
            found[launch] = uncounted_opcodes(group.plan, work)
    return pl.Series(found, dtype=pl.String)


def _how(groups: Sequence[MetricGroup], count: int, frame: pl.DataFrame) -> pl.Series:
    """How each value was had, a field per column; null where it is unknown, or is the counter itself."""
    place = np.zeros(count, np.int64)
    for number, group in enumerate(groups):
        place[group.launches] = number
    plans = pl.DataFrame(
        [{column: _how_of(group, column) for column in HOW_COLUMNS} for group in groups],
        schema=dict.fromkeys(HOW_COLUMNS, pl.String),
    )[place]
    known = (pl.when(frame[column].is_not_null()).then(pl.col(column)).alias(column) for column in HOW_COLUMNS)
    return plans.select(pl.struct(known).alias("how"))["how"]


def _how_of(group: MetricGroup, column: str) -> str | None:
    pipe = column.removesuffix("_flop_count")
    by_opcodes = group.opcodes and pipe.startswith("tensor_") and pipe not in group.plan.counted_pipes
    return "opcodes" if by_opcodes else group.plan.how.get(column)


def _triples(
    numbers: dict[str, NDArray[np.float64]], column: str, given: Sequence[tuple[int, int, int] | None]
) -> pl.Series:
    """The metrics' three numbers where all are known, else those of the result itself."""
    nan = (np.nan,) * 3
    own = np.array([nan if three is None else three for three in given], np.float64).reshape(-1, 3)
    counted = [numbers.get(axis) for axis in _TRIPLES[column]]
    if all(axis is not None for axis in counted):
        metrics = np.stack([axis for axis in counted if axis is not None], axis=1)
        own = np.where(_whole_rows(metrics), metrics, own)
    known = _whole_rows(own)
    series = pl.Series(np.where(known, own, 0).astype(np.int64)).arr.to_list()
    return series if known.all() else pl.select(pl.when(pl.Series(known[:, 0])).then(series)).to_series()


def _whole_rows(three: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of each row of three numbers, whether all are known: one column."""
    return np.logical_and.reduce(~np.isnan(three), axis=1, keepdims=True)


def _of_devices(results: Results, count: int) -> dict[str, pl.Series]:
    """Columns that are the same for all launches of a group."""
    place = np.zeros(count, np.int64)
    rows = []
    for number, group in enumerate(results.groups):
        place[group.launches] = number
        device = results.devices[group.device]
        rows.append(
            {
                "dram_bytes_from": group.plan.dram_bytes_from,
                "sm_count": device["sm_count"],
                "device_id": None if group.device == UNKNOWN_DEVICE else int(group.device),
                "device_name": device["device_name"],
                "chip": group.chip.name,
            }
        )
    names = ("dram_bytes_from", "sm_count", "device_id", "device_name", "chip")
    table = pl.DataFrame(rows, schema={name: LAUNCH_SCHEMA[name] for name in names})
    return dict(zip(names, table[place].get_columns(), strict=True))


def _nvtx(states: Sequence[Sequence[OpenRanges]]) -> pl.Series:
    """The open ranges of each launch, domains without any left out.

    Launches of one range share their state, as an object too: each is built once and then taken for all of them.
    """
    place: dict[int, int] = {}
    distinct: list[Sequence[OpenRanges]] = []
    of_launch = np.empty(len(states), np.int64)
    for launch, state in enumerate(states):
        if id(state) not in place:
            place[id(state)] = len(distinct)
            distinct.append(state)
        of_launch[launch] = place[id(state)]
    flat = [ranges for state in distinct for ranges in state]
    ranges = pl.DataFrame(
        {
            "domain": pl.Series([r.domain for r in flat], dtype=pl.String),
            "push_pop": _lists([r.push_pop for r in flat], pl.String),
            "push_pop_id": _known_lists([r.push_pop_id for r in flat]),
            "start_end": _lists([r.start_end for r in flat], pl.String),
            "start_end_id": _known_lists([r.start_end_id for r in flat]),
        }
    )
    return _listed(ranges.to_struct("nvtx"), [len(state) for state in distinct]).gather(of_launch)


def _known_lists(values: Sequence[Sequence[int] | None]) -> pl.Series:
    """Lists of integers; null where there is none."""
    lists = _lists([value or () for value in values], pl.Int64)
    known = pl.Series([value is not None for value in values], dtype=pl.Boolean)
    return lists if known.all() else pl.select(pl.when(known).then(lists)).to_series()


def _lists(values: Sequence[Sequence[str | int]], dtype: type[pl.DataType]) -> pl.Series:
    flat = pl.Series([value for some in values for value in some], dtype=dtype)
    return _listed(flat, [len(some) for some in values])


def _listed(flat: pl.Series, lengths: Sequence[int]) -> pl.Series:
    """Lists of so many of the values each: polars takes those of one length at once, others one by one."""
    empty = pl.Series([[]], dtype=pl.List(flat.dtype))
    sizes = sorted(set(lengths))
    if len(sizes) == 1 and sizes[0]:
        return flat.reshape((-1, sizes[0])).arr.to_list()
    length = np.array(lengths, np.int64)
    start = np.cumsum(length) - length
    parts = [empty.clear()]
    order = [np.empty(0, np.int64)]
    for size in sizes:
        chosen = np.flatnonzero(length == size)
        values = flat.gather((start[chosen, None] + np.arange(size)).ravel()) if size else flat
        parts.append(values.reshape((-1, size)).arr.to_list() if size else empty.new_from_index(0, len(chosen)))
        order.append(chosen)
    back = np.empty(len(length), np.int64)
    back[np.concatenate(order)] = np.arange(len(length))
    return pl.concat(parts).gather(back)
