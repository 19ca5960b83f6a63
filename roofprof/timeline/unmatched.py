"""Launches that only one of ncu and nsys has: which, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.timeline.frames import BLOCK, GRID

KEY = ("path", "kernel_name", *GRID, *BLOCK)
"""What both must agree on, besides the ordinal among launches that do."""

UNMATCHED_SCHEMA = pl.Schema(
    {
        "side": pl.String(),  # ncu or nsys: who saw it
        "report": pl.String(),  # null for nsys
        "launch_id": pl.Int64(),
        "nvtx_path": pl.List(pl.String()),
        "kernel_name": pl.String(),
        "grid": pl.List(pl.Int64()),
        "block": pl.List(pl.Int64()),
        "count": pl.Int64(),
        "reason": pl.String(),
    }
)
"""One row a launch that only ncu saw; one row a kernel, shape and path of those that only nsys saw."""


MORE_REPEATS = "ncu profiled {} launches of it, nsys saw more"


def only_ncu(lonely: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """ncu's launches without a partner, each with the reason."""
    seen = theirs.group_by(*KEY, maintain_order=True).len().rows(named=True)
    rows = [
        {**{c: row[c] for c in ("report", "launch_id", "nvtx_path", "kernel_name", "grid", "block")}}
        | {"side": "ncu", "count": 1, "reason": _reason(row, seen)}
        for row in lonely.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=UNMATCHED_SCHEMA)


def _reason(row: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]) -> str:
    """Why a launch of ncu's has no partner, from the most to the least of the key that agrees."""
    if row["nvtx_path"] is None or not len(row["nvtx_path"]):
        return "ncu profiled it outside any range"
    here = [s for s in seen if s["path"] == row["path"]]
    if not here:
        return "nsys has no kernel on this path"
    same_name = [s for s in here if s["kernel_name"] == row["kernel_name"]]
    if not same_name:
        names = ", ".join(sorted({s["kernel_name"] or "?" for s in here})[:3])
        return f"nsys ran other kernels on this path: {names}"
    same = [s for s in same_name if all(s[c] == row[c] for c in (*GRID, *BLOCK))]
    if not same:
        shapes = sorted({f"grid {_size(s, GRID)} block {_size(s, BLOCK)}" for s in same_name})
        return f"nsys launched it with {', '.join(shapes[:3])}"
    return f"nsys saw {same[0]['len']} launches of it on this path, ncu more"


def _size(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    return "x".join(str(row[c]) for c in columns)


def only_nsys(
    theirs: pl.DataFrame, ours: pl.DataFrame, matched: pl.DataFrame, paths: Sequence[tuple[str, ...]]
) -> pl.DataFrame:
    """nsys' kernels on profiled paths that no report of ncu's has."""
    rest = theirs.join(matched.select("kernel_row"), on="kernel_row", how="anti")
    known = Counter(ours.select(KEY).iter_rows())
    rows = []
    for row in rest.group_by(*KEY, maintain_order=True).len().iter_rows(named=True):
        count = known[tuple(row[c] for c in KEY)]
        reason = MORE_REPEATS.format(count) if count else "ncu did not profile it"
        rows.append(
            {
                "side": "nsys",
                "nvtx_path": list(paths[row["path"]]),
                "kernel_name": row["kernel_name"],
                "grid": [row[c] for c in GRID],
                "block": [row[c] for c in BLOCK],
                "count": row["len"],
                "reason": reason,
            }
        )
    return pl.DataFrame(rows, schema=UNMATCHED_SCHEMA)


def join_findings(matched: pl.DataFrame, unmatched: pl.DataFrame) -> list[Finding]:
    """Launches whose two times are too far apart, and those without a partner."""
    found = []
    for row in matched.filter("flagged").iter_rows(named=True):
        ncu, nsys = row["ncu_duration_ns"], row["nsys_duration_ns"]
        found.append(
            Finding(
                "ncu-nsys-time",
                Severity.DOUBTFUL,
                f"{row['kernel_name']} took {ncu / 1000:.1f} us under ncu, {nsys / 1000:.1f} us under nsys",
                "it ran beside other kernels under nsys, and alone under ncu: judge the op by its union"
                if row["overlapped"]
                else "clocks or caches differed between the runs; rates use the time of nsys",
                op=row["nvtx_path"][-1].split(":", 1)[0],
                launch_id=row["launch_id"],
                report=row["report"],
                values={"ncu_duration_ns": ncu, "nsys_duration_ns": nsys, "overlapped": row["overlapped"]},
            )
        )
    more = unmatched.filter(pl.col("reason").str.starts_with(MORE_REPEATS.split("{")[0]))
    if more.height:
        found.append(
            Finding(
                "launch-unmatched",
                Severity.INFO,
                f"nsys saw {more['count'].sum()} launches of profiled kernels beyond those that ncu profiled: it ran "
                "more repeats; they count in nsys' medians, not in the join",
                values={"launch_count": int(more["count"].sum()), "kernel_count": more.height},
            )
        )
    for row in unmatched.join(more, on=unmatched.columns, how="anti", nulls_equal=True).iter_rows(named=True):
        path = row["nvtx_path"]
        found.append(
            Finding(
                "launch-unmatched",
                Severity.WARNING if row["side"] == "ncu" else Severity.INFO,
                f"{row['count']} of {row['kernel_name']} that only {row['side']} has: {row['reason']}",
                op=path[-1].split(":", 1)[0] if path else None,
                launch_id=row["launch_id"],
                report=row["report"],
                values={"side": row["side"], "count": row["count"], "nvtx_path": path},
            )
        )
    return found
