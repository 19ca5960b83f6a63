"""Which row each launch counts in: the op of its range, else its kernel; every launch is in exactly one row."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import median_low
from typing import Final, Literal

import polars as pl

from roofprof.formulas.ops_file import CaseConditions
from roofprof.launches.kernel_labels import Function, kernel_labels, shape_words
from roofprof.launches.ranges import NamedRange, PathKey

By = Literal["op", "kernel", "launch"]
OP: Final = "op"
KERNEL: Final = "kernel"

WORK_WITHIN = 0.1
"""Two launch shapes do the same work where their FLOPs and their DRAM bytes differ by less than a tenth: counters of
repeats differ by a few percent."""
NO_WORK_BYTES = 60e3
"""Bytes that a kernel reads without doing anything (its code), and so no difference in work."""

_SHAPE = ("grid", "block")
_FUNCTION = ("kernel_name", "kernel_demangled_name")


def with_rows(
    launches: pl.DataFrame, names: Mapping[PathKey, NamedRange], cases: Mapping[str, CaseConditions], by: By = OP
) -> pl.DataFrame:
    """Add `row`, `kind`, `op` and `layer`; give launches of kernel rows a `call` each.

    Args:
        launches: `ATTRIBUTED_SCHEMA` with `with_measured_work`'s columns.
        names: what each path stands for.
        cases: of each report, for launches in no range.
        by: `op` makes rows of ranges and, for launches in none, of kernels; `kernel` of the kernels of each case,
            whatever their ranges; `launch` of every launch.

    Returns:
        The launches in their order. `row` numbers the rows, `op` is what a row is called.
    """
    rows = _Numbers()
    paths = zip(launches["report"].to_list(), launches["nvtx_path"].to_list(), strict=True)
    ranges = [None if path is None else names[report, tuple(path)] for report, path in paths]
    reports = launches["report"].to_list()
    labels = _labels(launches, [r.case if r else cases[report] for r, report in zip(ranges, reports, strict=True)], by)
    row, kind, op, layer = list[int](), list[str](), list[str](), list[int | None]()
    for place, (found, report) in enumerate(zip(ranges, reports, strict=True)):
        if found is not None and by == OP:
            row.append(rows[OP, report, found.key])
            kind.append(OP)
            op.append(found.op)
        else:
            own, label = labels[place]
            row.append(rows[KERNEL, own])
            kind.append(KERNEL)
            op.append(label)
        layer.append(found.layer if found else None)
    return launches.with_columns(
        pl.Series("row", row, pl.Int64), pl.Series("kind", kind, pl.String), pl.Series("op", op, pl.String),
        pl.Series("layer", layer, pl.Int64),
    ).with_columns(
        pl.when(pl.col("kind") == OP).then("call").otherwise(pl.col("launch_id").cast(pl.String)).alias("call")
    )  # fmt: skip


class _Numbers(dict[Hashable, int]):
    """A number for each key, in the order in which they are first asked for."""

    def __missing__(self, key: Hashable) -> int:
        self[key] = len(self)
        return self[key]


def _labels(launches: pl.DataFrame, cases: Sequence[CaseConditions], by: By) -> list[tuple[Hashable, str]]:
    """For each launch the key and the label of its kernel's row, as if it lay in no range."""
    functions = [(short or "", full or "") for short, full in launches.select(_FUNCTION).iter_rows()]
    names = kernel_labels(functions)
    if by == "launch":
        ids = launches.select("report", "launch_id").rows()
        return [(key, f"{names[function]} #{key[1]}") for key, function in zip(ids, functions, strict=True)]
    outside = launches["nvtx_path"].is_null() if by == OP else pl.Series([True] * launches.height)
    places = [place for place, wanted in enumerate(outside.to_list()) if wanted]
    found: list[tuple[Hashable, str]] = [(None, "")] * launches.height
    groups: dict[tuple[str, CaseConditions, Function], list[int]] = {}
    reports = launches["report"].to_list()
    for place in places:
        groups.setdefault((reports[place], cases[place], functions[place]), []).append(place)
    work = launches.select(*_SHAPE, "flop_count", "dram_bytes").rows()
    for key, members in groups.items():
        for number, (words, own) in enumerate(_by_work(members, work)):
            label = f"{names[key[2]]} {words}" if words else names[key[2]]
            for place in own:
                found[place] = ((key, number), label)
    return found


_Work = tuple[list[int] | None, list[int] | None, float | None, float | None]
"""Grid, block, FLOPs and DRAM bytes of a launch."""


def _by_work(members: Sequence[int], work: Sequence[_Work]) -> Iterator[tuple[str, list[int]]]:
    """A kernel's launches by launch shape, shapes of the same work together: the first's words, and the launches."""
    shapes: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for place in members:
        grid, block, _, _ = work[place]
        shapes.setdefault((tuple(grid or ()), tuple(block or ())), []).append(place)
    kinds: list[tuple[str, tuple[float | None, float | None], list[int]]] = []
    for shape, own in shapes.items():
        does = _median([work[p][2] for p in own]), _median([work[p][3] for p in own])
        same = next((kind for kind in kinds if _same_work(kind[1], does)), None)
        if same:
            same[2].extend(own)
        else:
            kinds.append((shape_words(*shape), does, own))
    for words, _, own in kinds:
        yield words if len(kinds) > 1 else "", own


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median_low(known) if known else None


def _same_work(a: tuple[float | None, float | None], b: tuple[float | None, float | None]) -> bool:
    """Whether all that both know agrees; what neither knows is not the same."""
    known = [(x, y, least) for x, y, least in zip(a, b, (0.0, NO_WORK_BYTES), strict=True) if None not in (x, y)]
    return bool(known) and all(
        abs(x - y) <= max(least, WORK_WITHIN * max(x, y)) for x, y, least in known if x is not None and y is not None
    )
