"""Ranges of both styles as one forest, and the paths of names that they make."""

import numpy as np
import polars as pl

from roofprof.timeline.nesting import NO_RANGE, Integers, RangeForest

NO_PATH = -1


def joined_forests(pushed: RangeForest, started: RangeForest) -> RangeForest:
    """Both forests as one, the second's rows and parents moved behind the first's.

    A start/end range has no parent: such ranges overlap as they like and make no stack.
    """
    count = len(pushed.rows)
    return RangeForest(
        rows=np.concatenate([pushed.rows, started.rows + count]),
        thread=np.concatenate([pushed.thread, started.thread]),
        start=np.concatenate([pushed.start, started.start]),
        end=np.concatenate([pushed.end, started.end]),
        parent=np.concatenate([pushed.parent, np.full(len(started.parent), NO_RANGE, np.int64)]),
        crossing=pushed.crossing,
        too_deep=pushed.too_deep,
    )


def range_paths(forest: RangeForest, names: pl.Series) -> tuple[list[tuple[str, ...]], Integers]:
    """Distinct paths in the order of the first range of each, and each range's; level by level from the outermost."""
    codes = names.rank("dense").to_numpy().astype(np.int64)[forest.rows]
    depth = _depths(forest.parent)
    order = np.argsort(depth, kind="stable")
    found = np.full(len(codes) + 1, NO_PATH, np.int64)  # the last stands for what is round the outermost
    width, count = int(codes.max(initial=0)) + 1, 0
    firsts: list[Integers] = []
    for rows in np.split(order, np.flatnonzero(np.diff(depth[order])) + 1):
        steps = (found[forest.parent[rows]] + 1) * width + codes[rows]
        _, first, number = np.unique(steps, return_index=True, return_inverse=True)
        found[rows] = count + number.reshape(-1)
        firsts.append(rows[first])
        count += len(first)
    first_rows = np.concatenate(firsts)
    by_occurrence = np.argsort(first_rows)
    place = np.empty_like(by_occurrence)
    place[by_occurrence] = np.arange(count)
    path = place[found[:-1]]
    paths: list[tuple[str, ...]] = []
    for row in first_rows[by_occurrence].tolist():
        parent = forest.parent[row]
        paths.append((*(paths[path[parent]] if parent != NO_RANGE else ()), names[int(forest.rows[row])]))
    return paths, path


def _depths(parent: Integers) -> Integers:
    """How many ranges are round each: steps up that double."""
    depth: Integers = (parent != NO_RANGE).astype(np.int64)
    above = parent.copy()
    while len(left := np.flatnonzero(above != NO_RANGE)):
        depth[left] += depth[above[left]]
        above[left] = above[above[left]]
    return depth
