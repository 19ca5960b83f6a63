"""nsys' times for the ops of a report."""

from collections.abc import Sequence

import polars as pl
import pytest

from roofprof.parsers.nsys.trace import read_nsys_trace
from roofprof.timeline.op_names import OpKey
from roofprof.timeline.op_times import NamedTrace, nsys_times
from roofprof.timeline.timeline import build_timeline


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


def test_paths_of_one_key_are_calls_of_one_op(export, monkeypatch: pytest.MonkeyPatch):
    """Layer numbers that are taken out of the key make one row of what ran in two layers."""

    def without_numbers(path: Sequence[str]) -> OpKey:
        return OpKey(tuple(name.rstrip("0123456789") for name in path), path[-1])

    for module in ("op_rows", "op_times"):
        monkeypatch.setattr(f"roofprof.timeline.{module}.read_key", without_numbers)
    for call, length in enumerate((10, 30, 20)):
        export.range(100 * call, 100 * call + 90, f"layer{call}")
        export.range(100 * call + 10, 100 * call + 30, "a")
        export.launch(100 * call + 15, 1000 + 100 * call, 1000 + 100 * call + length, call + 1, "a")
    trace = read_nsys_trace(export.write())
    (op,) = build_timeline(trace).ops
    assert (op["nvtx_path"], op["calls"], op["busy_ns"], op["total_busy_ns"]) == (["layer0", "a"], 3, 20, 60)
    assert op["spread"]["busy_ns"] == [10, 30]
    frame = launches("a", "a").with_columns(nvtx_path=pl.Series([["layer1", "a"], ["layer2", "a"]]))
    times = nsys_times("r", frame, [NamedTrace("eager", trace)], None)
    assert {path: t.nsys_union_ns for path, t in times.by_path.items()} == {("layer1", "a"): 20, ("layer2", "a"): 20}
