"""Measured work: which counted FLOPs are arithmetic, what a call of an op sums to, which call stands for it."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from roofprof.hardware.devices import PIPES
from roofprof.launches.had import furthest_of_launches, with_call_how
from roofprof.launches.kernel_names import is_communication_kernel
from roofprof.launches.schema import PEAK_COLUMNS
from roofprof.launches.tensor_activity import tensor_work_unknown

CONSTANT_MOVES_PER_THREAD = 16
"""Half instructions per thread up to which they are taken for constant loads (HFMA2.MMA R,-RZ,RZ,imm) and
conversions (HADD2.F32): real reports of three layers show at most 7 per thread, none of them arithmetic."""

CLOCK_OUTLIER = 0.9
"""Clocks of repeats differ by a few percent under load; a drop by a tenth is power or heat, and the time follows it."""
MIN_CALLS = 3
"""Of fewer calls none can be told to be the odd one."""

FLOP_COLUMNS = tuple(f"{pipe}_flop_count" for pipe in PIPES)
SUMMED = (
    "duration_ns", "dram_read_bytes", "dram_write_bytes", "dram_bytes", "dram_upper_bytes", "l2_read_bytes",
    "l2_write_bytes", "l2_bytes", "l1_fill_bytes", *FLOP_COLUMNS, "fp16_left_out_flop_count", "mufu_count",
    "link_tx_bytes",
)  # fmt: skip
"""Columns whose sum over a call's launches is the call's; unknown in one launch is unknown in the sum. Of a pipe
only where that launch's FLOPs are unknown too: a run of a capture may collect a pipe for those kernels alone that do
work on it, and the others beside them do none."""

CallRow = Mapping[str, Any]
"""One row of `call_rows` or `op_rows`, by column: numbers, text, lists of launch ids."""

TIME_WEIGHTED = ("sm_clock_hz", "dram_peak_bytes_per_s", *PEAK_COLUMNS)
"""Rates: their sum over time divided by the time."""


def with_measured_work(launches: pl.DataFrame) -> pl.DataFrame:
    """Add `flop_count`, `l2_bytes`, `dram_upper_bytes`, `fp16_left_out_flop_count` and two flags to launches.

    FP16 FLOPs of kernels with at most `CONSTANT_MOVES_PER_THREAD` half instructions per thread, or whose opcodes show
    constant loads alone, are moved out of `fp16_flop_count` into `fp16_left_out_flop_count`. `flop_count` is the sum
    over the pipes that are known; where that is 0 and nobody counted CUDA-core instructions it is null, for such a 0
    is not a measurement. It is null too where `tensor_work_unknown`. `profiling_failed` are launches for which ncu got
    neither time nor counters, though it did for others of the report.
    """
    halves = pl.col("half_instruction_count")
    few = (halves <= CONSTANT_MOVES_PER_THREAD * pl.col("thread_count")).fill_null(False)
    moves = (halves > 0) & (few | (pl.col("half_move_count") == halves).fill_null(False))
    stored = pl.max_horizontal("dram_write_bytes", "l2_write_bytes")
    both = pl.col("dram_write_bytes").is_not_null() & pl.col("l2_write_bytes").is_not_null()
    return (
        launches.with_columns(tensor_work_unknown().alias("tensor_work_unknown"), communicates().alias("communicates"))
        .with_columns(_failed().alias("profiling_failed"))
        .with_columns(
            pl.when(moves.fill_null(False)).then("fp16_flop_count").otherwise(pl.lit(0.0)).alias("fp16_left_out_flop_count"),
            pl.when(moves.fill_null(False)).then(pl.lit(0.0)).otherwise("fp16_flop_count").alias("fp16_flop_count"),
            (pl.col("l2_read_bytes") + pl.col("l2_write_bytes")).alias("l2_bytes"),
            pl.when(both).then(pl.col("dram_read_bytes") + stored).alias("dram_upper_bytes"),
        )
        .with_columns(_flop_count())
    )  # fmt: skip


def communicates() -> pl.Expr:
    """Whether a launch is of a kernel that moves data between GPUs."""
    return full_name().map_batches(_are_communication, return_dtype=pl.Boolean)


def full_name() -> pl.Expr:
    """A launch's kernel as fully as the report names it; empty where it does not."""
    full, short = (pl.col(name).cast(pl.String) for name in ("kernel_demangled_name", "kernel_name"))
    return pl.when(full.str.len_bytes() > 0).then(full).otherwise(short).fill_null("")


def _are_communication(names: pl.Series) -> pl.Series:
    known = {name: is_communication_kernel(name) for name in names.unique().to_list()}
    found = [name for name, communication in known.items() if communication]
    return names.is_in(found) if found else pl.Series(names.name, [False], pl.Boolean).new_from_index(0, len(names))


def _failed() -> pl.Expr:
    counted = [pl.col(column).is_not_null() for column in ("duration_ns", "dram_bytes", "sm_clock_hz", *FLOP_COLUMNS)]
    # Over ranks the time of what communicates is taken out, and a report may hold no other counter of it.
    return (
        ~pl.any_horizontal(counted) & ~pl.col("communicates") & pl.col("duration_ns").is_not_null().any().over("report")
    )


def _flop_count() -> pl.Expr:
    """`roofline.known_flop_count` of each row; null where tensor work was done that nothing counted."""
    total = pl.sum_horizontal(FLOP_COLUMNS)
    known = (pl.col("fp32_flop_count").is_not_null() | (total > 0)) & ~pl.col("tensor_work_unknown")
    return pl.when(known).then(total).alias("flop_count")


def call_rows(launches: pl.DataFrame, rows: str = "nvtx_path") -> pl.DataFrame:
    """One row per call: sums over its launches, rates weighted by time.

    Launches with `profiling_failed` are left out of the sums, and counted in `failed_launch_count`.

    Args:
        launches: rows with `nvtx_path`, `call` and the columns of `with_measured_work`, each of a row.
        rows: the column that tells which row of the result a call counts in: its path, or `with_rows`' number.
    """
    kept = [c for c in ("nvtx_path", "kind", "op") if c in launches.columns and c != rows]

    failed = pl.col("profiling_failed")

    def total(column: str) -> pl.Expr:
        absent = pl.col(column).is_null() & ~failed
        unknown = absent.any() | failed.all()
        if column in FLOP_COLUMNS:
            unknown = (absent & pl.col("flop_count").is_null()).any() | (absent | failed).all()
        return pl.when(unknown).then(None).otherwise(pl.col(column).sum()).alias(column)

    def mean_over_time(column: str) -> pl.Expr:
        time = pl.col("duration_ns")
        unknown = ((pl.col(column).is_null() | time.is_null()) & ~failed).any() | failed.all()
        return pl.when(unknown).then(None).otherwise((pl.col(column) * time).sum() / time.sum()).alias(column)

    calls = launches.group_by(["report", rows, "call"], maintain_order=True).agg(
        *(pl.col(c).first() for c in kept),
        pl.col("launch_id").alias("kernels"),
        pl.col("launch_id").min().alias("first_launch_id"),
        *(total(column) for column in SUMMED),
        _passed_on(),
        *(mean_over_time(column) for column in TIME_WEIGHTED),
        pl.col("device_name").first(),
        pl.col("device_id").first(),
        pl.col("thread_count").max(),
        pl.col("replay_passes").max(),
        pl.col("tensor_work_unknown").any(),
        pl.col("communicates").any(),
        failed.sum().cast(pl.Int64).alias("failed_launch_count"),
        *furthest_of_launches(),
    )
    return with_call_how(calls.with_columns(_flop_count()))


def _passed_on() -> pl.Expr:
    """`passed_on_bytes`: what all kernels of a call but its last one stored, for the kernels after them to read."""
    stores = pl.col("l2_write_bytes").slice(0, pl.len() - 1)
    return pl.when(stores.is_null().any()).then(None).otherwise(stores.sum()).alias("passed_on_bytes")


def op_rows(calls: pl.DataFrame, rows: str = "nvtx_path") -> pl.DataFrame:
    """One row per op or kernel: its median call by duration (the lower one of two), with the spread over all calls.

    Every number of a row is that one call's, so that sums and ratios hold. A call whose SM clock lies below
    `CLOCK_OUTLIER` of its op's median clock, of `MIN_CALLS` or more, is not taken; `clock_outlier_count` counts them.
    Nor is one with a launch whose profiling failed, where there are others.

    Args:
        calls: of `call_rows`; where they have a column `picked`, it says which call is taken.
        rows: as there.
    """
    key = ["report", rows]
    spread = [
        getattr(pl.col(column), how)().over(key).alias(f"{column}_{how}")
        for column in ("duration_ns", "dram_bytes", "flop_count")
        for how in ("min", "max")
    ]
    clock = pl.col("sm_clock_hz")
    broken = pl.col("failed_launch_count") > 0
    slow = (clock < CLOCK_OUTLIER * clock.median().over(key)) & (clock.count().over(key) >= MIN_CALLS)
    ranked = calls.with_row_index("_index").with_columns(
        pl.len().over(key).alias("calls"),
        pl.col("_index").min().over(key).alias("_order"),
        clock.min().over(key).alias("sm_clock_hz_min"),
        clock.median().over(key).alias("sm_clock_hz_median"),
        slow.fill_null(False).alias("_slow"),
        *spread,
    )
    timed = pl.when(~pl.col("_slow") & ~(broken & ~broken.all().over(key))).then("duration_ns")
    ranked = ranked.with_columns(
        pl.col("_slow").sum().over(key).cast(pl.Int64).alias("clock_outlier_count"),
        timed.rank("ordinal").over(key).alias("_rank"),
        ((timed.is_not_null().sum() + 1) // 2).over(key).alias("_middle"),
    )
    untimed = (pl.col("_middle") == 0) & (pl.col("_index") == pl.col("_order"))
    chosen = pl.col("picked") if "picked" in calls.columns else (pl.col("_rank") == pl.col("_middle")) | untimed
    return ranked.filter(chosen.fill_null(False)).sort("_order").drop("_index", "_order", "_rank", "_middle", "_slow")
