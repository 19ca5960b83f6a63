"""What a report leaves open, as findings: missing counters with the flag that collects them, unknown chips."""

from collections.abc import Iterator

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.hardware.opcodes import THREAD_OPCODES, WARP_OPCODES
from roofprof.parsers.ncu.results import LeftOpen

_MEANING = {
    "duration_ns": "time",
    "sm_clock_hz": "SM clock",
    "dram_bytes": "DRAM bytes",
    "dram_read_bytes": "DRAM bytes read",
    "dram_write_bytes": "DRAM bytes written",
    "l2_read_bytes": "L2 bytes read by the SMs",
    "l2_write_bytes": "L2 bytes written by the SMs",
    "l1_fill_bytes": "L1 fill bytes",
    "mufu_count": "special-function results",
    "half_instruction_count": "half-precision instructions",
    "tensor_pipe_active_cycles": "tensor-pipe activity",
}
_SILENT = {"dram_clock_hz", "sm_cycles_elapsed", "l1_write_bytes", "half_instruction_count", "replay_passes"}
_SILENT_PREFIXES = (
    "grid_",
    "block_",
    "achieved_",
    "theoretical_",
    "registers_",
    "waves_",
    "shared_",
    "cluster_",
)


def reading_findings(report: str, launches: pl.DataFrame, left_open: LeftOpen) -> Iterator[Finding]:
    """Findings about one report, before any launch is attributed to an op."""
    yield from _missing_counters(report, launches, left_open["missing"])
    for chip, count in left_open["unknown_chips"].items():
        yield Finding(
            "chip-unknown",
            Severity.DOUBTFUL,
            f"no counter table for this chip ({chip}): counters were recognised by the pattern of their names",
            "check one GEMM of known size, and report the names that `ncu --query-metrics` prints for it",
            report=report,
            values={"chip": chip, "launch_count": count},
        )
    others = launches.filter(pl.col("workload_type") != "kernel")
    if others.height:
        kinds = ", ".join(sorted(others["workload_type"].unique()))
        yield Finding(
            "not-per-kernel",
            Severity.INFO,
            f"{others.height} of {launches.height} results are a whole {kinds}, not one kernel",
            "use --replay-mode kernel, and --graph-profiling node for graphs, to see single kernels",
            report=report,
            values={"result_count": others.height},
        )


def _missing_counters(report: str, launches: pl.DataFrame, missing: dict[str, dict[str, int]]) -> Iterator[Finding]:
    for column, metrics in missing.items():
        if column in _SILENT or column.startswith(_SILENT_PREFIXES):
            continue
        count = sum(metrics.values())
        names = ",".join(dict.fromkeys(",".join(metrics).split(",")))
        what = _meaning(column)
        where = "" if count == launches.height else f" in {count} of {launches.height} launches"
        yield Finding(
            "counter-missing",
            Severity.WARNING,
            f"{what} unknown{where}: the report is missing {_shortened(names)}",
            _remedy(column, names, launches),
            report=report,
            values={"column": column, "what": what + where, "metrics": names.split(","), "launch_count": count},
        )


def _meaning(column: str) -> str:
    """A column of the launch frame in words."""
    if column.endswith("_flop_count"):
        return f"{column.removesuffix('_flop_count')} FLOPs"
    return _MEANING.get(column) or column.replace("_", " ")


MANY_METRICS = 2
"""Of more than so many, the histogram of opcodes is the shorter way to FLOPs."""


def _shortened(names: str) -> str:
    first, *rest = names.split(",")
    return f"{first} and {len(rest)} more" if len(rest) > 1 else " and ".join([first, *rest])


def _remedy(column: str, names: str, launches: pl.DataFrame) -> str:
    if "sass_" in names and (launches["workload_type"] != "kernel").any():
        return "instruction counters exist for single kernels only: use --replay-mode kernel --graph-profiling node"
    if column.endswith("_flop_count") and names.count(",") >= MANY_METRICS:
        opcodes = WARP_OPCODES if column.startswith("tensor_") else THREAD_OPCODES
        return f"collect its opcodes, which tell them too: ncu --metrics {opcodes}"
    return f"collect it with: ncu --metrics {names}"
