"""Findings of the join: launches whose two times are far apart, and launches without a partner."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.timeline.rows import RangePath
from roofprof.timeline.unmatched import Cause


@dataclass(frozen=True, slots=True)
class JoinFinding:
    """A finding and the op's path that it is about; None where it is about no single op."""

    finding: Finding
    path: RangePath | None = None


def join_findings(matched: pl.DataFrame, unmatched: pl.DataFrame) -> Iterator[JoinFinding]:
    """Findings about pairs (JOIN_SCHEMA) and launches without a partner (UNMATCHED_SCHEMA)."""
    for row in matched.filter("flagged").iter_rows(named=True):
        ncu, nsys = row["ncu_duration_ns"], row["nsys_duration_ns"]
        finding = Finding(
            "ncu-nsys-time",
            Severity.DOUBTFUL,
            f"{row['kernel_name']} took {ncu / 1000:.1f} µs under ncu, {nsys / 1000:.1f} µs under nsys",
            "it ran beside other kernels under nsys, and alone under ncu: go by the union time of the op"
            if row["overlapped"]
            else "clocks or caches differed between the runs; rates use the time of nsys",
            op=row["op"],
            launch_id=row["launch_id"],
            report=row["report"],
            values={"ncu_duration_ns": ncu, "nsys_duration_ns": nsys, "overlapped": row["overlapped"]},
        )
        yield JoinFinding(finding, tuple(row["nvtx_path"]))
    repeats = pl.col("cause") == Cause.MORE_IN_NSYS
    more = unmatched.filter(repeats)
    if more.height:
        launch_count = int(more["count"].sum())
        yield JoinFinding(
            Finding(
                "launch-unmatched",
                Severity.INFO,
                f"nsys saw {launch_count} launches of profiled kernels beyond those that ncu profiled: the traced "
                "command ran more repeats; they count in nsys' medians, not in the join",
                values={"launch_count": launch_count, "kernel_count": more.height, "cause": str(Cause.MORE_IN_NSYS)},
            )
        )
    # Outside ranges nothing is paired: nsys may well have them, and `no-ranges` and `outside-ranges` say what they are.
    outside = pl.col("cause") == Cause.NO_RANGE
    for row in unmatched.filter(~repeats & ~outside).iter_rows(named=True):
        path = row["nvtx_path"]
        finding = Finding(
            "launch-unmatched",
            Severity.WARNING if row["side"] == "ncu" else Severity.INFO,
            f"{row['count']} of {row['kernel_name'] or '(unnamed)'} that only {row['side']} has: {row['reason']}",
            op=row["op"],
            launch_id=row["launch_id"],
            report=row["report"],
            values={"side": row["side"], "count": row["count"], "nvtx_path": path, "cause": row["cause"]},
        )
        yield JoinFinding(finding, tuple(path) if path else None)
