"""nsys in a capture, with a stub nsys beside the stub ncu."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_tools import Install, manifest

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import Json
from roofprof.profiler.capture.jobs import dry_run
from roofprof.profiler.capture.session import capture
from roofprof.profiler.nsys.failures import explain_nsys
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.record import RunRecord
from roofprof.profiler.run.runner import Ending, Outcome
from roofprof.profiler.run.watch import CaptureProgress


def files(path: Path, folder: str) -> list[str]:
    return sorted(p.name for p in (path / folder).glob("*"))


def traces(options: CaptureOptions) -> tuple[Job, ...]:
    return next((part.jobs for part in dry_run(options, "gh100").parts if part.backend.name == "nsys"), ())


def operations(record: RunRecord) -> tuple[Json, Json]:
    return record.kept.facts["gpu_operations"], record.kept.facts["gpu_operations_left_out"]


def test_decode_is_traced_eager_and_as_a_graph(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys()
    seen: list[CaptureProgress] = []
    result = capture(options, seen.append)
    assert result.state == "complete"
    assert files(options.output, "nsys") == ["decode-eager.sqlite", "decode-graph.sqlite"]
    assert [(p.run_number, p.run_count) for p in seen][-1] == (4, 4)
    assert {p.op for p in seen if p.run == "decode nsys graph"} >= {"exporting"}
    m = manifest(options.output)
    assert m["versions"]["nsys"] == "2025.3.1.0"
    assert [
        (t["name"], t["phase"], t["trace"], t["state"], t["cause"], t["repeats"], t["nsys_version"]) for t in m["nsys"]
    ] == [
        ("eager", "decode", "nsys/decode-eager.sqlite", "complete", None, 10, "2025.3.1.0"),
        ("graph", "decode", "nsys/decode-graph.sqlite", "complete", None, 10, "2025.3.1.0"),
    ]
    assert m["nsys"][0]["wall_s"] > 0
    assert not (options.output / ".partial").exists()


def test_warm_up_between_two_batches_is_left_out(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys()
    result = capture(replace(options, graph=False))
    assert [operations(t) for t in result.of("nsys")] == [(2, 1)]
    with closing(sqlite3.connect(options.output / "nsys" / "decode-eager.sqlite")) as database:
        assert database.execute("SELECT correlationId FROM CUPTI_ACTIVITY_KIND_KERNEL").fetchall() == [(0,), (2,)]
        assert database.execute("SELECT correlationId FROM CUPTI_ACTIVITY_KIND_RUNTIME").fetchall() == [(0,), (2,)]


def test_which_runs_there_are(options: CaptureOptions) -> None:
    def runs(**changes: Any) -> list[tuple[str, str]]:
        return [(t.phase, t.name) for t in traces(replace(options, **changes))]

    assert runs(phase="all") == [("decode", "eager"), ("decode", "graph"), ("prefill", "eager")]
    assert runs(graph=False) == [("decode", "eager")]
    assert runs(nsys=False) == []
    assert runs(command=("python", "serve.py")) == [("workload", "eager")]


def test_the_commands(options: CaptureOptions) -> None:
    eager, graph = traces(replace(options, repeats=12, batch=(1, 64), output=Path("d")))
    assert eager.command[:2] == ("nsys", "profile")
    assert "--capture-range=cudaProfilerApi" in eager.command
    words = " ".join(eager.command)
    assert "-m roofprof.harness.run --phase decode --batch 1,64 " in words
    assert "--repeats 12 " in words
    assert words.endswith("--progress d/.partial/decode-eager.progress --profiler-range once")
    assert "--json-out" not in words
    assert graph.command[-1] == "--graph"
    (whole,) = traces(replace(options, command=("python", "serve.py")))
    assert whole.command[-2:] == ("python", "serve.py")
    assert not any("capture-range" in word for word in whole.command)


def test_another_workload_is_traced_whole(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys()
    result = capture(replace(options, command=("python", "serve.py")))
    assert [(t.job.phase, t.file, operations(t)) for t in result.of("nsys")] == [
        ("workload", "nsys/workload-eager.sqlite", (3, 0))
    ]
    assert "workload-eager.txt" in files(options.output, "logs")


def test_without_nsys_ncu_goes_on(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    result = capture(options)
    assert result.state == "complete"
    assert result.notes == ("nsys was not found: no timeline",)
    m = manifest(options.output)
    assert (m["nsys"], m["versions"]["nsys"], m["notes"]) == ([], None, ["nsys was not found: no timeline"])
    assert capture(replace(options, nsys=False, force=True)).notes == ()
    command = manifest(options.output)["command"]
    assert command[:4] == ["roofprof", "capture", "--phase", "decode"]
    assert "--no-nsys" in command


@pytest.mark.parametrize(
    ("mode", "cause", "count", "state"),
    [
        ("importer", "nsys could not make a report of what it recorded", 1, "failed"),
        ("harness-error", "topk cannot be captured in a CUDA graph", 2, "failed"),
        ("export-fails", "broken", 2, "failed"),
        ("empty", "the trace holds no GPU work", 2, "failed"),
        ("nothing", "nsys could not make a report", 1, "failed"),
        ("breaks-off", "the workload ended early under nsys", 2, "partial"),
    ],
)
def test_a_failure_leaves_the_reports_of_ncu(
    options: CaptureOptions, ncu: Install, nsys: Install, mode: str, cause: str, count: int, state: str
) -> None:
    ncu()
    nsys(mode)
    result = capture(options)
    assert result.state == "partial"
    assert [r.state for r in result.of("ncu")] == ["complete", "complete"]
    traces = manifest(options.output)["nsys"]
    assert [t["state"] for t in traces] == [state] * count
    assert all(cause in t["cause"] for t in traces)
    assert result.of("nsys")[0].hint or mode == "empty"
    assert len(files(options.output, "nsys")) == (2 if state == "partial" else 0)
    assert len(files(options.output, "ncu")) == 2


def test_a_hang_is_ended_and_leaves_the_reports_of_ncu(
    options: CaptureOptions, ncu: Install, nsys: Install, alive: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roofprof.profiler.run.runner.run_profiler.__defaults__", (None, 1.5))
    ncu()
    nsys("hang")
    result = capture(replace(options, timeout_s=1.0, graph=False))
    assert result.state == "partial"
    assert (result.of("nsys")[0].cause or "").startswith("no progress under nsys; timed out; still running: ")
    assert not alive(int((options.output.parent / "child.pid").read_text()))


def test_an_nsys_that_does_not_start_leaves_the_reports_of_ncu(
    options: CaptureOptions, ncu: Install, tools: Path
) -> None:
    ncu()
    (tools / "nsys").write_bytes(b"\x7fELF of another machine")
    (tools / "nsys").chmod(0o755)
    result = capture(options)
    assert result.state == "partial"
    assert "cannot start nsys" in str(result.of("nsys")[0].cause)


def test_no_report_of_ncu_no_nsys(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu("nothing")
    nsys("hang")
    with pytest.raises(RoofprofError, match="no kernel was profiled"):
        capture(options)
    assert manifest(options.output)["nsys"] == []


def test_the_raw_report_is_kept_on_request_alone(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys()
    capture(replace(options, keep_nsys_rep=True, graph=False))
    report = options.output / "nsys" / "decode-eager.nsys-rep"
    assert stat.S_IMODE(os.stat(report).st_mode) == 0o600
    assert "--keep-nsys-rep" in manifest(options.output)["command"]
    with pytest.raises(UsageError, match="exclude each other"):
        capture(replace(options, keep_nsys_rep=True, nsys=False, force=True))


@pytest.mark.parametrize(
    ("outcome", "output", "message", "fatal"),
    [
        (Outcome(Ending.INTERRUPTED, -2, 1.0), "", "interrupted", True),
        (Outcome(Ending.FINISHED, 1, 1.0), "write: No space left on device", "the disk is full", True),
        (Outcome(Ending.FINISHED, 3, 1.0), "Segmentation fault", "nsys ended with exit code 3", False),
        (Outcome(Ending.FINISHED, 0, 1.0), "", "nsys left no report", False),
    ],
)
def test_what_failures_mean(tmp_path: Path, outcome: Outcome, output: str, message: str, fatal: bool) -> None:
    problem = explain_nsys(outcome, output, tmp_path / "x.nsys-rep")
    assert problem is not None
    assert (problem.message, problem.fatal) == (message, fatal)


def test_what_a_good_workload_prints_is_not_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "x.nsys-rep"
    report.touch()
    assert explain_nsys(Outcome(Ending.FINISHED, 0, 1.0), "error: 0 of 10 requests failed", report) is None
