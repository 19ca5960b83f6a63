"""nsys' times of launches in no range: paired where nothing can be mistaken, unknown elsewhere."""

from collections.abc import Callable

import polars as pl
import pytest
from nsys_export import Export

from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.op_times import NamedTrace, NsysTimes, nsys_times

Launch = tuple[str, str, int]
"""Function, workload type and row."""


def outside(*launches: Launch, grid: int = 8) -> pl.DataFrame:
    rows = [
        {
            "report": "r", "launch_id": number, "op": function, "nvtx_path": None, "kernel_name": function,
            "kernel_demangled_name": f"void {function}<int>()", "grid": [grid, 1, 1], "block": [128, 1, 1],
            "duration_ns": 3e5, "workload_type": workload, "kind": "kernel", "row": row,
        }
        for number, (function, workload, row) in enumerate(launches)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"nvtx_path": pl.List(pl.String)})


@pytest.fixture
def times(export: Export) -> Callable[[pl.DataFrame], NsysTimes]:
    def of(launches: pl.DataFrame) -> NsysTimes:
        return nsys_times("r", launches, [NamedTrace("t", read_nsys_trace(export.write()))], None)

    return of


def test_as_many_launches_on_both_sides_are_paired_in_their_order(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    for number, ns in enumerate((20, 50, 30)):
        export.launch(100 * number, 100 * number + 10, 100 * number + 10 + ns, number + 1, "a")
    export.launch(500, 510, 517, 9, "b")
    found = times(outside(("a", "kernel", 0), ("a", "kernel", 0), ("b", "kernel", 1), ("a", "kernel", 0)))
    assert [span.union_ns for span in found.row_spans[0]] == [20, 50, 30]
    assert (found.of_row(0).calls, found.of_row(0).nsys_union_ns) == (3, 30)
    assert found.of_row(1).nsys_union_ns == 7
    assert found.of_row(2).nsys_union_ns is None


@pytest.mark.parametrize(
    "more", [{}, {"grid": (9, 1, 1)}, {"device": 1}, {"pid": 200}], ids=["more", "shape", "device", "process"]
)
def test_what_could_be_another_launch_is_not_paired(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes], more: dict[str, object]
) -> None:
    export.launch(0, 10, 30, 1, "a")
    export.launch(100, 110, 150, 2, "a", **more)
    count = 1 if not more else 2
    assert times(outside(*[("a", "kernel", 0)] * count)).row_spans == {}


def test_a_row_of_which_one_launch_is_unknown_is_unknown(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    export.launch(0, 10, 30, 1, "a")
    assert times(outside(("a", "kernel", 0), ("c", "kernel", 0))).row_spans == {}


def test_templates_that_print_differently_are_paired_by_function(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    export.launch(0, 10, 30, 1, "a", demangled="void a<(int)4>()")
    assert times(outside(("a", "kernel", 0))).of_row(0).nsys_union_ns == 20


def test_whole_graphs_are_paired_with_replays_and_their_nodes_with_nothing(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    export.node(1, 1)
    export.node(2, 2)
    export.launch(0, 1000, 1020, 1, "a")  # launched one by one
    for replay in (1, 2):
        start = 10_000 * replay
        export.api(start - 100, start - 95, 10 + replay)
        export.kernel(start, start + 40, 10 + replay, "a", node=1)
        export.kernel(start + 30, start + 80 + replay, 10 + replay, "b", node=2)
        export.kernel(start + 200, start + 210, 10 + replay, "b", node=2)
    found = times(outside(("a", "kernel", 0), ("graph", "graph", 1), ("graph", "graph", 1)))
    assert found.of_row(0).nsys_union_ns == 20
    assert [(span.end_ns - span.start_ns, span.union_ns) for span in found.row_spans[1]] == [(210, 91), (210, 92)]


def test_nodes_that_were_profiled_one_by_one_are_paired_with_their_replays(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    export.node(1, 1)
    export.api(0, 5, 1)
    export.kernel(100, 140, 1, "a", node=1)
    assert times(outside(("a", "kernel", 0))).of_row(0).nsys_union_ns == 40


def test_launches_without_a_name_or_a_shape_are_not_paired(
    export: Export, times: Callable[[pl.DataFrame], NsysTimes]
) -> None:
    export.launch(0, 10, 30, 1, "a")
    nameless = outside(("a", "kernel", 0)).with_columns(
        pl.lit(None, pl.String).alias("kernel_name"), pl.lit(None, pl.String).alias("kernel_demangled_name")
    )
    shapeless = outside(("a", "kernel", 0)).with_columns(pl.lit(None, pl.List(pl.Int64)).alias("grid"))
    assert times(nameless).row_spans == {}
    assert times(shapeless).row_spans == {}
