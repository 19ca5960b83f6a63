"""A capture of many ranks as the Parquet dataset that docs/multi-gpu.md agrees on, and what merging it costs.

    python -m benchmarks.ranks_dataset OUT [--ranks 512] [--launches 2000]

Every rank runs the same launches: steps of a layer whose collectives wait for the rank that is late, a different one in
each call. The truth is computed beside it, so that a merge can be held against it: OUT/truth.json.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import polars as pl

LAYER = (
    ("q_b_proj", "nvjet", 30_000.0, 0),
    ("attn_mqa", "flash_fwd_mla", 210_000.0, 0),
    ("o_proj", "nvjet", 40_000.0, 0),
    ("all_reduce_attn", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 60_000.0, 1_605_632),
    ("router_gemm", "nvjet", 9_000.0, 0),
    ("ep_dispatch", "ncclDevKernel_SendRecv", 45_000.0, 401_408),
    ("moe_gate_up", "grouped_gemm", 320_000.0, 0),
    ("moe_down", "grouped_gemm", 180_000.0, 0),
    ("ep_combine", "ncclDevKernel_SendRecv", 55_000.0, 802_816),
    ("all_reduce_mlp", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 60_000.0, 1_605_632),
)
"""Op, kernel, duration in ns when nobody waits, and NVLink user bytes sent."""
SCHEMA = pl.Schema(
    {
        "launch": pl.Int64,  # position on its rank, from 0
        "op": pl.String,
        "call": pl.Int32,  # ordinal of the op's call on its rank
        "kernel_name": pl.String,
        "start_ns": pl.Int64,  # by the rank's own clock
        "duration_ns": pl.Float64,
        "dram_read_bytes": pl.Float64,
        "dram_write_bytes": pl.Float64,
        "tensor_bf16_flop_count": pl.Float64,
        "link_tx_bytes": pl.Float64,  # null where no link counter was collected
    }
)
"""One row a launch; the rank is the partition, rank=000."""


def write_dataset(out: Path, ranks: int, launches: int, seed: int = 0) -> dict[str, object]:
    """Write launches/rank=000/part-0.parquet and so on; the truth."""
    rng = np.random.default_rng(seed)
    ops = len(LAYER)
    calls = -(-launches // ops)
    late = rng.integers(0, ranks, calls)  # who arrives last, in each call of the layer
    wait = rng.uniform(20_000.0, 400_000.0, calls)
    shared = np.array([link > 0 for *_, link in LAYER])
    for rank in range(ranks):
        own = np.random.default_rng([seed, rank])
        base = np.tile([ns for _, _, ns, _ in LAYER], calls) * own.uniform(0.99, 1.01, calls * ops)
        waits = np.where(late == rank, 0.0, wait)
        durations = (base + np.repeat(waits, ops) * np.tile(shared, calls))[:launches]
        folder = out / "launches" / f"rank={rank:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        _frame(durations, launches).write_parquet(folder / "part-0.parquet")
    truth: dict[str, object] = {
        "ranks": ranks, "launches": launches, "rows": ranks * launches,
        "late": {str(call): int(rank) for call, rank in enumerate(late)} if ranks > 1 else {},
    }  # fmt: skip
    (out / "truth.json").write_text(json.dumps(truth) + "\n")
    return truth


def _frame(durations: "np.ndarray[tuple[int], np.dtype[np.float64]]", launches: int) -> pl.DataFrame:
    number = np.arange(launches)
    kinds, ops = number % len(LAYER), len(LAYER)
    columns = [np.array([row[i] for row in LAYER])[kinds] for i in (0, 1, 3)]
    starts = np.concatenate([[0.0], np.cumsum(durations)[:-1]])
    link = pl.Series(columns[2], dtype=pl.Float64)
    data = {
        "launch": number, "op": columns[0], "call": number // ops, "kernel_name": columns[1],
        "start_ns": starts.astype(np.int64), "duration_ns": durations, "dram_read_bytes": durations * 2e3,
        "dram_write_bytes": durations * 1e2, "tensor_bf16_flop_count": np.where(columns[2] > 0, 0.0, durations * 4e5),
        "link_tx_bytes": link,
    }  # fmt: skip
    return pl.DataFrame(data, schema_overrides=dict(SCHEMA)).select(SCHEMA.names())


def merged(out: Path) -> pl.DataFrame:
    """Each op's calls over the ranks: least, median and greatest duration, who that was, and how long others waited."""
    scan = pl.scan_parquet(out / "launches", hive_partitioning=True)
    duration = pl.col("duration_ns")
    return (
        scan.group_by("op", "call")
        .agg(
            duration.min().alias("min_ns"),
            duration.median().alias("median_ns"),
            duration.max().alias("max_ns"),
            pl.col("rank").sort_by("duration_ns").first().alias("fastest_rank"),
            pl.col("link_tx_bytes").sum(),
            pl.len().alias("ranks"),
        )
        .collect(engine="streaming")
    )


def main() -> None:
    """Write it, merge it, and say what both took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ranks", type=int, default=512)
    parser.add_argument("--launches", type=int, default=2000, help="of each rank")
    args = parser.parse_args()
    start = time.perf_counter()
    write_dataset(args.out, args.ranks, args.launches)
    written = time.perf_counter()
    rows = merged(args.out)
    done = time.perf_counter()
    size = sum(path.stat().st_size for path in args.out.rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{args.ranks * args.launches} launches of {args.ranks} ranks: {size / 1e6:.0f} MB, {written - start:.1f} s")
    print(f"merged into {rows.height} calls in {done - written:.2f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
