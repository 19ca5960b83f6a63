"""The frame between parsing and analysis: one row per kernel launch, units in every column name."""

import polars as pl

from roofprof.errors import RoofprofError
from roofprof.hardware.devices import PIPES

NVTX_STACK = pl.List(
    pl.Struct(
        {
            "domain": pl.String,
            "push_pop": pl.List(pl.String),
            "push_pop_id": pl.List(pl.Int64),  # tells two ranges of one name apart; null where the file has none
            "start_end": pl.List(pl.String),
            "start_end_id": pl.List(pl.Int64),  # likewise
        }
    )
)

RAW_FLOP_COLUMNS = tuple(f"{pipe}_flop_count" for pipe in PIPES)
PEAK_COLUMNS = tuple(f"peak_{pipe}_flop_per_s" for pipe in PIPES)

HOW_COLUMNS = (
    "dram_read_bytes", "dram_write_bytes", "dram_bytes", "l2_read_bytes", "l2_write_bytes", "l1_fill_bytes",
    "l1_write_bytes", *RAW_FLOP_COLUMNS, "half_instruction_count", "mufu_count",
)  # fmt: skip
"""Columns that may have been had otherwise than from the counter of their name."""
HOW_STRUCT = pl.Struct(dict.fromkeys(HOW_COLUMNS, pl.String()))

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "report": pl.String,
    "launch_id": pl.Int64,  # position in the report, from 0
    "process_id": pl.Int64,
    "workload_type": pl.String,  # kernel, range, graph or command_list
    "kernel_name": pl.String,
    "kernel_demangled_name": pl.String,
    "grid": pl.List(pl.Int64),
    "block": pl.List(pl.Int64),
    "duration_ns": pl.Float64,
    "sm_clock_hz": pl.Float64,
    "dram_clock_hz": pl.Float64,
    "sm_cycles_elapsed": pl.Float64,
    "nvtx": NVTX_STACK,
    "dram_read_bytes": pl.Float64,
    "dram_write_bytes": pl.Float64,
    "dram_bytes": pl.Float64,
    "dram_bytes_from": pl.String,  # "sum", "per_second x duration", "percent of peak" or null
    "l2_read_bytes": pl.Float64,
    "l2_write_bytes": pl.Float64,
    "l1_fill_bytes": pl.Float64,
    "l1_write_bytes": pl.Float64,
    **dict.fromkeys(RAW_FLOP_COLUMNS, pl.Float64()),
    "half_instruction_count": pl.Float64,  # thread instructions HADD, HMUL and HFMA
    "half_move_count": pl.Float64,  # of them, by the opcodes, HFMA2.MMA where that is all
    "mufu_count": pl.Float64,
    "link_tx_bytes": pl.Float64,  # NVLink, of the payload, sent by this GPU
    "link_rx_bytes": pl.Float64,  # received while this kernel ran, whoever sent it: never a measure of its work
    "link_tx_raw_bytes": pl.Float64,  # with protocol, requests and acknowledgements
    "link_rx_raw_bytes": pl.Float64,
    "tensor_pipe_active_cycles": pl.Float64,  # mean over SMs
    "tensor_pipe_half_warp_count": pl.Float64,  # warp instructions HFMA2.MMA, which keep that pipe busy
    "uncounted_opcodes": pl.String,  # of tensor work whose FLOPs neither their name nor a counter gives
    "dram_peak_bytes_per_s": pl.Float64,
    **dict.fromkeys(PEAK_COLUMNS, pl.Float64()),
    "thread_count": pl.Int64,
    "sm_count": pl.Int64,
    "achieved_occupancy": pl.Float64,  # fraction of the warps that an SM can hold
    "theoretical_occupancy": pl.Float64,
    "registers_per_thread": pl.Int64,
    "waves_per_sm": pl.Float64,
    "shared_memory_per_block_bytes": pl.Float64,
    "cluster_size": pl.Int64,
    "replay_passes": pl.Int64,
    "device_id": pl.Int64,
    "device_name": pl.String,
    "chip": pl.String,
    "how": HOW_STRUCT,  # of each column one of `how.HOW`; null for the counter itself
}
LAUNCH_SCHEMA = pl.Schema(_COLUMNS)
"""Floats for counters, because a null must differ from 0 and counts exceed 2^53 by nothing that matters here:
every count below 2^53 is exact."""


ATTRIBUTED_SCHEMA = pl.Schema([*LAUNCH_SCHEMA.items(), ("nvtx_path", pl.List(pl.String())), ("call", pl.String())])
"""With the range that each launch lies in, outermost name first, and the instance of that range; null in none."""


def check_schema(frame: pl.DataFrame, schema: pl.Schema, stage: str) -> pl.DataFrame:
    """The frame itself, if its columns are those declared.

    Raises:
        RoofprofError: a column is missing, or of another type; a fault of roofprof and not of the user.
    """
    if frame.schema != schema:
        wrong = {n for n in schema.keys() | frame.schema.keys() if schema.get(n) != frame.schema.get(n)}
        raise RoofprofError(f"{stage} made a frame with other columns than declared: {', '.join(sorted(wrong))}")
    return frame
