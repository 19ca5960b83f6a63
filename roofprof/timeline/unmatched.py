"""Launches that only one of ncu and nsys has: which, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import polars as pl

from roofprof.timeline.frames import BLOCK, GRID
from roofprof.timeline.rows import RangePath

KEY = ("path", "kernel_name", *GRID, *BLOCK)
"""What both must agree on, besides the ordinal among launches that do."""


class Cause(StrEnum):
    """Why a launch has no partner; `reason` says it in words."""

    NO_RANGE = "no-range"
    """ncu profiled it outside any range."""
    NO_PATH = "no-path"
    """nsys has no kernel on its path."""
    OTHER_KERNELS = "other-kernels"
    """nsys has other kernels on its path."""
    OTHER_SHAPE = "other-shape"
    """nsys has it with another grid or block."""
    MORE_IN_NCU = "more-in-ncu"
    """ncu profiled more launches of it than nsys saw."""
    MORE_IN_NSYS = "more-in-nsys"
    """nsys saw more launches of it than ncu profiled: the traced command ran more repeats."""
    NOT_PROFILED = "not-profiled"
    """ncu profiled no launch of it, though others on its path."""


UNMATCHED_SCHEMA = pl.Schema(
    {
        "side": pl.String(),  # ncu or nsys: who saw it
        "report": pl.String(),  # null for nsys
        "launch_id": pl.Int64(),
        "op": pl.String(),  # null outside any range
        "nvtx_path": pl.List(pl.String()),
        "kernel_name": pl.String(),
        "grid": pl.List(pl.Int64()),
        "block": pl.List(pl.Int64()),
        "count": pl.Int64(),
        "cause": pl.String(),  # a Cause
        "reason": pl.String(),
    }
)
"""One row per launch that only ncu saw; one row per kernel, shape and path of those that only nsys saw."""

Row = Mapping[str, object]


def only_ncu(unmatched: pl.DataFrame, nsys: pl.DataFrame) -> pl.DataFrame:
    """ncu's launches without a partner, each with the reason: UNMATCHED_SCHEMA.

    Args:
        unmatched: ncu's launches without a partner.
        nsys: all candidates that nsys has.
    """
    seen = nsys.group_by(*KEY, maintain_order=True).len().rows(named=True)
    rows = []
    for row in unmatched.iter_rows(named=True):
        cause, reason = _reason(row, seen)
        kept = {c: row[c] for c in ("report", "launch_id", "op", "nvtx_path", "kernel_name", "grid", "block")}
        rows.append({**kept, "side": "ncu", "count": 1, "cause": cause, "reason": reason})
    return pl.DataFrame(rows, schema=UNMATCHED_SCHEMA)


def _reason(row: Row, seen: Sequence[Row]) -> tuple[Cause, str]:
    """Why a launch of ncu's has no partner: the first part of the key on which no kernel of nsys agrees."""
    if not row["nvtx_path"]:
        return Cause.NO_RANGE, "ncu profiled it outside any range"
    here = [s for s in seen if s["path"] == row["path"]]
    if not here:
        return Cause.NO_PATH, "nsys has no kernel on this path"
    same_name = [s for s in here if s["kernel_name"] == row["kernel_name"]]
    if not same_name:
        names = ", ".join(sorted({str(s["kernel_name"] or "(unnamed)") for s in here})[:3])
        return Cause.OTHER_KERNELS, f"nsys ran other kernels on this path: {names}"
    same = [s for s in same_name if all(s[c] == row[c] for c in (*GRID, *BLOCK))]
    if not same:
        shapes = sorted({f"grid {_size(s, GRID)} block {_size(s, BLOCK)}" for s in same_name})
        return Cause.OTHER_SHAPE, f"nsys launched it with {', '.join(shapes[:3])}"
    return Cause.MORE_IN_NCU, f"nsys saw {same[0]['len']} launches of it on this path, ncu more"


def _size(row: Row, columns: Sequence[str]) -> str:
    return "x".join(str(row[c]) for c in columns)


def only_nsys(nsys: pl.DataFrame, ncu: pl.DataFrame, matched: pl.DataFrame, paths: Sequence[RangePath]) -> pl.DataFrame:
    """nsys' kernels on profiled paths that no ncu report has: UNMATCHED_SCHEMA.

    Args:
        nsys: all candidates that nsys has.
        ncu: ncu's launches, with `op`.
        matched: pairs, with `kernel_row`.
        paths: the names of each path number.
    """
    rest = nsys.join(matched.select("kernel_row"), on="kernel_row", how="anti")
    known = Counter(ncu.select(KEY).iter_rows())
    op_of_path = dict(ncu.select("path", "op").iter_rows())
    rows = []
    for row in rest.group_by(*KEY, maintain_order=True).len().iter_rows(named=True):
        count = known[tuple(row[c] for c in KEY)]
        rows.append(
            {
                "side": "nsys",
                "op": op_of_path[row["path"]],
                "nvtx_path": list(paths[row["path"]]),
                "kernel_name": row["kernel_name"],
                "grid": [row[c] for c in GRID],
                "block": [row[c] for c in BLOCK],
                "count": row["len"],
                "cause": Cause.MORE_IN_NSYS if count else Cause.NOT_PROFILED,
                "reason": f"ncu profiled {count} launches of it, nsys saw more" if count else "ncu did not profile it",
            }
        )
    return pl.DataFrame(rows, schema=UNMATCHED_SCHEMA)
