"""nsys' times for the ops of a report."""

import polars as pl
import pytest

from roofprof.names.reading import read_path
from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.op_times import NamedTrace, nsys_times


def launches(*ops: str) -> pl.DataFrame:
    rows = [
        {
            "report": "r",
            "launch_id": number,
            "op": op,
            "nvtx_path": ["layer", op],
            "kernel_name": op,
            "kernel_demangled_name": op,
            "grid": [8, 1, 1],
            "block": [128, 1, 1],
            "duration_ns": 100.0,
            "workload_type": "kernel",
            "kind": "op",
            "row": 0,
        }
        for number, op in enumerate(ops)
    ]
    return pl.DataFrame(rows)


def test_ops_that_also_ran_in_a_graph_do_not_dilute_the_shares(export):
    export.range(0, 100, "layer")
    export.range(10, 30, "a")
    export.range(40, 60, "b")
    export.node(12, 1)
    export.launch(15, 1000, 1060, 1, "a")
    export.launch(45, 1100, 1140, 2, "b")
    export.launch(900, 5000, 5050, 3, "a", node=1)
    trace = NamedTrace("eager", read_nsys_trace(export.write()))
    times = nsys_times("r", launches("a", "b"), [trace], None).by_path
    assert times["layer", "a"].share == pytest.approx(0.6)
    assert times["layer", "b"].share == pytest.approx(0.4)
    assert (times["layer", "a"].nsys_union_ns, times["layer", "a"].graph_union_ns) == (60, 50)


def test_an_op_that_ran_in_a_graph_alone_has_that_time_and_its_share(export):
    export.range(0, 100, "layer")
    export.range(10, 30, "a")
    export.range(40, 60, "b")
    export.node(12, 1)
    export.launch(45, 1100, 1130, 2, "b")
    export.launch(900, 5000, 5010, 3, "a", node=1)
    trace = NamedTrace("eager", read_nsys_trace(export.write()))
    times = nsys_times("r", launches("a", "b"), [trace], None).by_path
    assert (times["layer", "a"].nsys_union_ns, times["layer", "a"].share) == (10, pytest.approx(0.25))


def test_findings_without_an_op_say_which_report_they_are_of(export):
    export.range(0, 100, "layer")
    export.range(10, 30, "a")
    export.range(40, 60, "cpu_only")
    export.launch(15, 1000, 1060, 1, "a")
    trace = NamedTrace("eager", read_nsys_trace(export.write()))
    times = nsys_times("r", launches("a"), [trace], None)
    assert [(f.kind, f.report) for f in times.findings] == [("range-without-work", "r")]
    assert times.op_findings == {}


def test_layers_are_calls_of_one_op_on_both_sides(export):
    for layer in range(3):
        export.range(100 * layer, 100 * layer + 90, f"model.layers.{layer}.mlp")
        export.launch(100 * layer + 5, 1000 * (layer + 1), 1000 * (layer + 1) + 10 * (layer + 1), layer + 1, "mlp")
    frame = launches("mlp", "mlp").with_columns(
        pl.Series("nvtx_path", [["model.layers.0.mlp"], ["model.layers.1.mlp"]])
    )
    trace = NamedTrace("eager", read_nsys_trace(export.write()))
    times = nsys_times("r", frame, [trace], None)
    ((key, timing),) = times.by_path.items()
    assert key == read_path(("model.layers.7.mlp",)).key
    assert (timing.calls, timing.nsys_union_ns) == (3, 20)
    assert times.joins[0]["matched_count"] == 2
    each = nsys_times("r", frame, [trace], None, "each").by_path
    assert [t.nsys_union_ns for t in each.values()] == [10, 20]


def test_times_of_an_op_that_ran_on_two_gpus_are_those_of_the_first_and_are_doubted(export):
    export.range(0, 100, "layer")
    export.range(10, 30, "a")
    export.launch(15, 1000, 1060, 1, "a")
    export.launch(16, 1000, 1990, 2, "a", device=1)
    trace = NamedTrace("eager", read_nsys_trace(export.write()))
    times = nsys_times("r", launches("a"), [trace], None)
    assert (times.by_path["layer", "a"].nsys_union_ns, times.by_path["layer", "a"].share) == (60, 1)
    found = [(f.kind, str(f.severity), f.report) for f in times.findings if f.kind == "several-devices"]
    assert found == [("several-devices", "info", "r"), ("several-devices", "doubtful", "r")]
