"""Reports and traces of nsight-python 1.1: a row per annotation.

The report is synthetic: a real one of ours, whose launches get the NVTX states that nsight-python's annotations leave,
start/end ranges of the domain nsight-python, in the layout of a real start/end range (kinds/odd-names).
"""

from pathlib import Path

import pytest
from nsys_export import Export
from nvtx_states import domain, pushed, started, with_states

from roofprof.cli import run
from roofprof.library.report import analyze
from roofprof.pipeline.timeline_report import timeline_report

REPORT = "set-roofline.ncu-rep"
"""Nine launches: scale_add, copy_f32 and poly_f64, three times."""
DOMAINS = domain(0, "CCCL") + domain(1, "nsight-python")


@pytest.fixture
def report(data: Path, tmp_path: Path) -> Path:
    """As `ncu-output-FUNCTION-RUN.ncu-rep` of a function: two annotations in each of three runs, one with two kernels.

    Around all is a push/pop range of a library, which names no annotation.
    """

    def state(place: int) -> bytes:
        loop, kernel = divmod(place, 3)
        name, opened_at = ("scale", 10) if kernel == 0 else ("copy and poly", 20)
        return DOMAINS + pushed(0, "benchmark", 1) + started(1, name, 100 * loop + opened_at)

    path = tmp_path / "ncu-output-benchmark-0.ncu-rep"
    path.write_bytes(with_states((data / "kinds" / REPORT).read_bytes(), state))
    return path


def test_each_annotation_is_a_row_and_each_time_it_is_entered_a_call(report: Path, data: Path) -> None:
    times = analyze(data / "kinds" / REPORT).kernels["duration_ns"].to_list()
    rows = {row.op: row for row in analyze(report).rows}
    assert {name: (row.calls, len(row.kernels)) for name, row in rows.items()} == {
        "scale": (3, 1), "copy and poly": (3, 2),
    }  # fmt: skip
    assert rows["scale"].duration_ns == sorted(times[0::3])[1]
    assert rows["copy and poly"].duration_ns == sorted(a + b for a, b in zip(times[1::3], times[2::3], strict=True))[1]
    assert analyze(report, domain="nsight-python").ops.equals(analyze(report).ops)
    assert [row.op for row in analyze(report, domain="CCCL").rows] == ["benchmark"]


def test_both_readers_see_the_same_calls(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", str(report), "--reader", "ncu-report", "--wide"]) == 0
    theirs = capsys.readouterr().out
    assert run(["analyze", str(report), "--wide"]) == 0
    assert capsys.readouterr().out == theirs


def test_one_annotation_over_several_configurations_is_one_row_that_says_so(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "ncu-output-sweep-0.ncu-rep"
    annotated = with_states(
        (data / "kinds" / REPORT).read_bytes(), lambda place: DOMAINS + started(1, "kernel", 10 * place)
    )
    path.write_bytes(annotated)
    (row,) = analyze(path).rows
    assert (row.op, row.calls, len(row.kernels)) == ("kernel", 9, 1)
    (found,) = [finding for finding in row.findings if finding.kind == "mixed-work"]
    assert found.message.startswith("its calls do between 0 and 268 M FLOPs: ")


def test_without_the_number_of_the_call_runs_of_launches_are_calls(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "older.ncu-rep"
    names = ("a", "b", "b")
    path.write_bytes(
        with_states((data / "kinds" / REPORT).read_bytes(), lambda place: DOMAINS + started(1, names[place % 3], None))
    )
    assert {row.op: (row.calls, len(row.kernels)) for row in analyze(path).rows} == {"a": (3, 1), "b": (3, 2)}


def test_a_trace_of_it_has_the_same_rows(export: Export) -> None:
    export.domain(1, "nsight-python")
    export.domain(2, "CCCL")
    export.range(0, 4000, "benchmark", domain=2)
    for loop in range(3):
        at = 1000 * loop
        export.range(at + 10, at + 100, "scale", kind=60, domain=1)
        export.launch(at + 20, at + 200, at + 240, 3 * loop + 1)
        export.range(at + 110, at + 190, "copy and poly", kind=60, domain=1, end_tid=9)
        export.launch(at + 120, at + 250, at + 260, 3 * loop + 2)
        export.launch(at + 130, at + 260, at + 290, 3 * loop + 3, tid=7)
    report = timeline_report(export.write())
    assert [(op.op, op.calls, op.time_ns) for op in report.ops] == [("scale", 3, 40), ("copy and poly", 3, 40)]
