"""Parents and paths of ranges against the rules written out."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from roofprof.timeline.frames import RANGE_SCHEMA
from roofprof.timeline.nesting import MAX_DEPTH, NO_RANGE, range_forest
from roofprof.timeline.range_paths import range_paths

RANGES = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 12), st.integers(0, 12), st.sampled_from("ab")))


def _frame(ranges: list[tuple[int, int, int, str]]) -> pl.DataFrame:
    rows = [(i, "", name, "push_pop", start, start + length, thread, None)
            for i, (thread, start, length, name) in enumerate(ranges)]  # fmt: skip
    return pl.DataFrame(rows, schema=RANGE_SCHEMA, orient="row")


@given(RANGES)
def test_the_parent_is_the_nearest_range_before_that_ends_no_earlier(ranges: list[tuple[int, int, int, str]]) -> None:
    forest = range_forest(_frame(ranges))
    for i in range(len(ranges)):
        round_it = [j for j in range(i) if forest.thread[j] == forest.thread[i] and forest.end[j] >= forest.end[i]]
        assert forest.parent[i] == (round_it[-1] if round_it else NO_RANGE)


@given(RANGES)
def test_paths_are_the_names_from_the_outermost_in(ranges: list[tuple[int, int, int, str]]) -> None:
    frame = _frame(ranges)
    forest = range_forest(frame)
    paths, numbers = range_paths(forest, frame["name"])
    wanted: list[tuple[str, ...]] = []
    for row, parent in zip(forest.rows.tolist(), forest.parent.tolist(), strict=True):
        wanted.append((*(wanted[parent] if parent != NO_RANGE else ()), frame["name"][row]))
    assert [paths[number] for number in numbers.tolist()] == wanted
    assert paths == list(dict.fromkeys(wanted))


def test_a_deep_stack_of_ranges() -> None:
    count, depth = 2000, MAX_DEPTH + 1
    forest = range_forest(_frame([(1, i, 3 * count - 2 * i, "a") for i in range(count)]))
    assert np.array_equal(forest.parent, np.minimum(np.arange(-1, count - 1), MAX_DEPTH - 1))
    assert forest.too_deep == count - MAX_DEPTH
    paths, numbers = range_paths(forest, pl.Series(["a"] * count))
    assert [len(path) for path in paths] == list(range(1, depth + 1))
    assert np.array_equal(numbers, np.minimum(np.arange(count), MAX_DEPTH))
