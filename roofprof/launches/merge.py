"""Reports of the same launches with different counters, made one frame: by path, kernel, grid, block and ordinal."""

from collections.abc import Sequence

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import listed
from roofprof.launches.had import merged
from roofprof.launches.measured_work import communicates
from roofprof.launches.schema import ATTRIBUTED_SCHEMA

_KEY = ("nvtx_path", "kernel_demangled_name", "grid", "block")
_OWN = ("report", "launch_id", "process_id", "nvtx", "nvtx_path", "call")
"""Columns that the first report alone gives."""
_NAMES_SHOWN = 3
TIME_RATIO, TIME_DIFFERENCE_NS = 1.5, 5e3
"""Two runs of one kernel differ by some tenths where it is short and cold; by half and 5 µs it did something else."""


def merge_launches(
    name: str, frames: Sequence[pl.DataFrame], looks: Sequence[bool] = (), samples: Sequence[bool] = ()
) -> tuple[pl.DataFrame, list[Finding]]:
    """Fill the first frame's nulls from the others' launches.

    Args:
        name: what to call the merged report.
        frames: ATTRIBUTED_SCHEMA; the first holds the time, and its launches are the ones that count.
        looks: of each frame, whether it holds some of the kernels alone, of purpose.
        samples: of each frame, whether it holds some of the launches alone, of purpose.

    Returns:
        ATTRIBUTED_SCHEMA, and findings about launches that have no partner.
    """
    first, *rest = [_keyed(frame) for frame in frames]
    findings: list[Finding] = []
    for number, other in enumerate(rest, 1):
        if not other.height:
            continue
        joined = first.join(other, on=["_key", "_ordinal"], how="left", suffix="_other", maintain_order="left")
        partial, sample = any(looks[number : number + 1]), any(samples[number : number + 1])
        expected = first.clear() if sample else _of_its_kernels(first, other) if partial else first
        findings += [*_unmatched(name, expected, first, other), *_changed(name, joined, other["report"][0])]
        columns = [column for column in ATTRIBUTED_SCHEMA if column not in (*_OWN, "how")]
        filled = [*(pl.coalesce(column, f"{column}_other").alias(column) for column in columns), merged()]
        first = joined.with_columns(filled).select(*ATTRIBUTED_SCHEMA, "_key", "_ordinal")
    return first.select(pl.lit(name).alias("report"), *[c for c in ATTRIBUTED_SCHEMA if c != "report"]), findings


def _keyed(launches: pl.DataFrame) -> pl.DataFrame:
    """Add the key of a launch as text, and its ordinal among launches of that key."""
    parts = [pl.col(c) if c == "kernel_demangled_name" else _joined(c) for c in _KEY]
    keyed = launches.with_columns(pl.concat_str(parts, separator="\x1f", ignore_nulls=True).alias("_key"))
    ordinal = pl.int_range(pl.len()).over("_key").alias("_ordinal")
    return keyed.with_columns(ordinal).select(*ATTRIBUTED_SCHEMA, "_key", "_ordinal")


def _joined(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.List(pl.String)).list.join("\x1e").fill_null("")


def _changed(name: str, joined: pl.DataFrame, other: str) -> list[Finding]:
    """Launches that took another time in the other run: replay, or the data, made them another thing."""
    shortest, longest = (f("duration_ns", "duration_ns_other") for f in (pl.min_horizontal, pl.max_horizontal))
    both = joined.filter(pl.col("duration_ns").is_not_null() & pl.col("duration_ns_other").is_not_null())
    apart = (longest > TIME_RATIO * shortest) & (longest - shortest > TIME_DIFFERENCE_NS)
    # A collective waits for the other ranks, each time for another while: that changes nothing that it counts.
    changed = both.filter(apart & ~communicates())
    if not changed.height:
        return []
    kernels = changed["kernel_name"].unique(maintain_order=True).to_list()
    return [
        Finding(
            "replay-changed",
            Severity.DOUBTFUL,
            f"{changed.height} of {both.height} launches took over {TIME_RATIO:g}x as long in one run as in {other}: "
            f"{', '.join(kernels[:_NAMES_SHOWN])}",
            "their counters may belong to other work: kernels that wait, poll or depend on what replay restores",
            report=name,
            values={
                "launch_count": changed.height,
                "kernel_names": kernels,
                "replay_passes": changed["replay_passes_other"].to_list(),
                "duration_ns": changed["duration_ns"].to_list(),
                "duration_ns_other": changed["duration_ns_other"].to_list(),
            },
        )
    ]


def _of_its_kernels(first: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Of the first report, the launches of the kernels that another one holds."""
    return first.filter(pl.col("kernel_name").is_in(other["kernel_name"].unique().to_list()))


def _is_head(whole: pl.DataFrame, part: pl.DataFrame, on: list[str]) -> bool:
    """Whether a report holds the first launches of another and no others: its run was ended early."""
    return 0 < part.height < whole.height and whole.head(part.height).join(part, on=on, how="anti").is_empty()


def _cut_finding(name: str, whole: pl.DataFrame, part: pl.DataFrame, kernels: Sequence[str]) -> Finding:
    return Finding(
        "merge-unmatched", Severity.WARNING,
        f"{part['report'][0]} ends after {part.height} of {whole.height} launches: counters of the rest stay null",
        "the run was ended early, by an error, a signal or its deadline: capture again for the rest",
        report=name, values={"launch_count": whole.height - part.height, "kernel_names": list(kernels)},
    )  # fmt: skip


def _unmatched(name: str, expected: pl.DataFrame, first: pl.DataFrame, other: pl.DataFrame) -> list[Finding]:
    """Launches without a partner.

    Args:
        name: of the merged report.
        expected: launches of the first report that should be in the other one.
        first: all of the first report's.
        other: another report's.
    """
    found = []
    on = ["_key", "_ordinal"]
    sides = (expected, other, "their counters stay null"), (other, first, "they are left out")
    for here, there, effect in sides:
        unmatched = here.join(there, on=on, how="anti", maintain_order="left")
        if not unmatched.height:
            continue
        kernels = unmatched["kernel_name"].unique(maintain_order=True).to_list()
        if here is expected and _is_head(expected, there, on):
            found.append(_cut_finding(name, here, there, kernels))
            continue
        found.append(
            Finding(
                "merge-unmatched",
                Severity.WARNING,
                f"{unmatched.height} of {here.height} launches of {here['report'][0]} have no partner in "
                f"{there['report'][0]} ({listed(kernels, _NAMES_SHOWN)}): {effect}",
                "the workload launched other kernels in the two runs: fix seeds and inputs, turn autotuning off or "
                "keep its cache (TRITON_CACHE_DIR), or narrow the region, then capture again",
                report=name,
                values={"launch_count": unmatched.height, "kernel_names": kernels},
            )
        )
    return found
