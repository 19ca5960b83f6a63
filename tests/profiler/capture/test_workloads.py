"""Workloads that others wrote: which runs are made of them, in which region, and what happens where ncu fails."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_tools import Install, manifest

from roofprof.cli import run
from roofprof.errors import RoofprofError, UsageError
from roofprof.formats.capture import load_capture
from roofprof.profiler.capture.jobs import dry_run
from roofprof.profiler.capture.session import CaptureResult, capture
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.watch import CaptureProgress

BF16, FP8 = "sm__ops_path_tensor_src_bf16_dst_fp32.sum", "sm__ops_path_tensor_src_fp8.sum"
MATRIX, HFMA2 = (f"sm__inst_executed_pipe_tensor{name}.sum" for name in ("", "_op_hmma_type_hfma2"))


@pytest.fixture
def workload(options: CaptureOptions) -> CaptureOptions:
    return replace(options, command=("python", "serve.py"), nsys=False)


def names(result: CaptureResult) -> list[str]:
    return [record.job.name for record in result.records]


def test_where_every_kernel_is_explained_nothing_is_looked_at_again(workload: CaptureOptions, ncu: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}, "gemm_fp8": {FP8: 8.0}})
    result = capture(workload)
    assert result.state == "complete"
    assert names(result) == ["core", "cuda_core"]
    assert [item.title for item in result.not_needed] == ["workload tensor_ops cold", "workload second_look cold"]
    m = manifest(workload.output)
    assert m["state"] == "complete"
    assert {item["run"] for item in m["not_needed"]} == {"workload tensor_ops cold", "workload second_look cold"}


def test_kernels_without_counted_tensor_work_are_asked_for_their_instructions(
    workload: CaptureOptions, ncu: Install
) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}, "softmax": {}, "copy": {MATRIX: 5.0, HFMA2: 5.0}})
    result = capture(workload)
    assert names(result) == ["core", "cuda_core", "tensor_ops"]
    look = result.records[-1]
    assert look.job.facts["kernels"] == ["copy", "softmax"]
    assert look.kept.facts["launches"] == 2
    assert "--filter-mode per-launch-config" in " ".join(look.job.command)
    assert [item.title for item in result.not_needed] == ["workload second_look cold"]


@pytest.mark.parametrize("mode", ["no-sample", "short-sample", "refuses-sample"])
def test_where_a_sample_lacks_some_kernels_all_are_looked_at(workload: CaptureOptions, ncu: Install, mode: str) -> None:
    ncu(mode, kernels={"gemm": {BF16: 8.0}, "copy": {}, "softmax": {MATRIX: 5.0}})
    result = capture(workload)
    assert names(result) == ["core", "cuda_core", "tensor_ops", "second_look"]
    look = result.records[2]
    assert (look.kept.facts["launches"], look.state) == (2, "complete")
    assert "--kernel-name regex:^(copy|softmax)$" in " ".join(look.job.command)
    assert result.records[3].job.facts["kernels"] == ["softmax"]
    (change,) = manifest(workload.output)["changes"]
    assert "missing from ncu's sample" in change
    assert result.starts == 5


def test_names_that_ncu_cannot_take_in_a_sample_are_looked_at_whole(workload: CaptureOptions, ncu: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}, "ns::copy": {}})
    command = " ".join(capture(workload).records[-1].job.command)
    assert "--kernel-name regex:^(ns::copy)$" in command
    assert "--kernel-id" not in command


@pytest.mark.parametrize("counters", [{MATRIX: 4.0}, {MATRIX: 4.0, HFMA2: 1.0}])
def test_the_second_look_counts_the_precisions_that_are_left(
    workload: CaptureOptions, ncu: Install, counters: dict[str, float]
) -> None:
    groups = ["time", "tensor_fp16", "tensor_tf32", "tensor_int8", "tensor_fp64"]
    ncu(kernels={"gemm": {BF16: 8.0}, "softmax": {}, "other(int)": counters})
    result = capture(workload)
    assert names(result) == ["core", "cuda_core", "tensor_ops", "second_look"]
    look = result.records[-1].job
    assert look.facts["kernels"] == ["other(int)"]
    assert look.facts["groups"] == groups
    assert result.records[-1].kept.facts["launches"] == 1
    run = manifest(workload.output)["runs"][-1]
    assert (run["name"], run["look"], run["state"]) == ("second_look", "precisions", "complete")


def test_a_slice_by_numbers_is_looked_at_whole(workload: CaptureOptions, ncu: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}, "softmax": {}})
    result = capture(replace(workload, skip=3, count=9))
    assert names(result)[-1] == "tensor_ops"
    for record in result.records:
        text = " ".join(record.job.command)
        assert "--launch-skip 3 --launch-count 9" in text
        assert "--kernel-name" not in text
        assert "--kernel-id" not in text


SLEEP = ("sleep", "1.5")


def processes(result: CaptureResult) -> list[str]:
    """Which ones ncu was told to profile in each run."""
    return [r.job.command[r.job.command.index("--target-processes") + 1] for r in result.of("ncu")]


@pytest.mark.parametrize(
    ("mode", "own", "profiled"),
    [("own-process", True, "application-only"), ("child-process", False, "all"), ("ok", None, "all")],
)
def test_ncu_leaves_processes_alone_that_launch_nothing(
    workload: CaptureOptions, ncu: Install, nsys: Install, mode: str, own: bool | None, profiled: str
) -> None:
    """A program's compilers and workers slow ncu down at each launch of the process that launches all kernels."""
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys(mode)
    result = capture(replace(workload, nsys=True, command=SLEEP))
    assert manifest(workload.output)["nsys"][0]["own_process"] is own
    assert processes(result) == [profiled] * 2


def test_where_ncu_sees_nothing_in_the_own_process_all_are_profiled(
    workload: CaptureOptions, ncu: Install, nsys: Install
) -> None:
    ncu("elsewhere", kernels={"gemm": {BF16: 8.0}})
    nsys("own-process")
    result = capture(replace(workload, nsys=True, command=SLEEP))
    assert (result.state, processes(result)) == ("complete", ["all", "all"])
    (change,) = manifest(workload.output)["changes"]
    assert "every process was profiled" in change


def test_a_choice_of_processes_by_hand_is_kept(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys("own-process")
    by_hand = ("--target-processes", "all")
    result = capture(replace(workload, nsys=True, command=SLEEP, ncu_args=by_hand))
    assert processes(result) == ["all", "all"]


def test_runs_are_chosen(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu(kernels={"gemm": {MATRIX: 8.0}})
    nsys()
    chosen = replace(workload, nsys=True, runs=("core", "second_look"))
    result = capture(chosen)
    assert names(result) == ["core", "second_look"]
    assert result.records[1].job.facts["kernels"] == ["gemm"]
    with pytest.raises(UsageError, match="core"):
        capture(replace(chosen, runs=("nsys",), force=True))
    with pytest.raises(UsageError, match="no_such"):
        capture(replace(chosen, runs=("core", "no_such"), force=True))


def test_the_trace_comes_first_and_shows_the_region(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys("region")
    result = capture(replace(workload, nsys=True))
    assert names(result) == ["eager", "core", "cuda_core"]
    assert all("--profile-from-start off" in " ".join(r.job.command) for r in result.of("ncu"))
    m = manifest(workload.output)
    assert m["region"] == {"asked": "auto", "used": "api", "how": "trace", "warmup": 0, "skip": 0, "count": None}
    trace = m["nsys"][0]
    assert (trace["profiler_regions"], trace["gpu_operations"], trace["gpu_operations_left_out"]) == (1, 1, 2)
    assert any("cudaProfilerStart" in note for note in result.notes)


def test_without_a_region_all_is_profiled_and_said(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys()
    result = capture(replace(workload, nsys=True))
    assert all("--profile-from-start" not in r.job.command for r in result.of("ncu"))
    assert any("never calls cudaProfilerStart" in note for note in result.notes)
    found = {f.kind: f for f in load_capture(workload.output).findings}
    assert "loading" in found["no-region"].message


def test_without_a_trace_the_script_hints(workload: CaptureOptions, ncu: Install, tmp_path: Path) -> None:
    script = tmp_path / "serve.py"
    script.write_text("import torch\ntorch.cuda.profiler.start()\n")
    ncu("no-region", kernels={"gemm": {BF16: 8.0}})
    result = capture(replace(workload, command=("python", str(script))))
    assert result.state == "complete"
    assert names(result) == ["core", "cuda_core"]
    assert all("--profile-from-start" not in r.job.command for r in result.records)
    assert "never calls cudaProfilerStart" in manifest(workload.output)["changes"][0]


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("api", ["--profile-from-start off"]),
        ("nvtx:step", ["--nvtx-include step/", "--nvtx-include roofprof@step/"]),
        ("nvtx:a/b", ["--nvtx-include a\\/b/"]),
        ("all", []),
    ],
)
def test_the_region_asked_for(workload: CaptureOptions, region: str, words: list[str]) -> None:
    plan = dry_run(replace(workload, region=region), "gh100")
    text = " ".join(plan.parts[-1].jobs[0].command)
    assert all(word in text for word in words)
    assert ("--profile-from-start" in text) is (region == "api")
    assert ("--nvtx-include" in text) is region.startswith("nvtx")


@pytest.mark.parametrize(("region", "words"), [("api", ":3:"), ("nvtx:step", "::3")])
def test_regions_of_a_warm_up_are_left_out(workload: CaptureOptions, region: str, words: str) -> None:
    command = dry_run(replace(workload, region=region, warmup=2), "gh100").parts[-1].jobs[0].command
    assert command[command.index("--range-filter") + 1] == words
    with pytest.raises(UsageError, match="--warmup"):
        dry_run(replace(workload, region="all", warmup=2), "gh100")


@pytest.mark.parametrize("change", [{"region": "nvtx:"}, {"region": "step"}, {"skip": -1}, {"count": 0}])
def test_a_region_that_is_none_is_refused(workload: CaptureOptions, ncu: Install, change: dict[str, Any]) -> None:
    ncu("hang")
    with pytest.raises(UsageError):
        capture(replace(workload, **change))


def test_a_region_by_hand_is_left_alone(workload: CaptureOptions) -> None:
    by_hand = replace(workload, ncu_args=("--profile-from-start", "off"))
    command = dry_run(by_hand, "gh100").parts[-1].jobs[0].command
    assert command.count("--profile-from-start") == 1
    with pytest.raises(UsageError, match="exclude"):
        dry_run(replace(by_hand, region="all"), "gh100")


def test_the_layer_takes_no_region(options: CaptureOptions) -> None:
    with pytest.raises(UsageError, match="--region"):
        dry_run(replace(options, region="api"), "gh100")


def test_graphs_are_profiled_whole_where_their_nodes_fail(workload: CaptureOptions, ncu: Install) -> None:
    ncu("graph-node")
    result = capture(workload)
    assert result.state == "complete"
    assert names(result) == ["core"]
    assert result.records[0].job.facts["graph_profiling"] == "graph"
    assert "--graph-profiling graph" in " ".join(result.records[0].job.command)
    assert [p.name for p in (workload.output / "ncu").iterdir()] == ["workload-core-cold-graphs.ncu-rep"]
    changes = manifest(workload.output)["changes"]
    assert "profiled without it" in changes[0]
    assert "launches: graphs were profiled as a whole" in changes[1]
    assert len(result.not_needed) == 3
    assert result.starts == 3
    assert result.wall_s > result.records[0].wall_s
    assert "capture-changed" in {f.kind for f in load_capture(workload.output).findings}


def test_a_kernel_that_breaks_a_graph_is_left_out_of_every_run(workload: CaptureOptions, ncu: Install) -> None:
    ncu("graph-kernel", kernels={"gemm": {BF16: 8.0}, "norm": {}, "tail": {}, "norm_add": {}, "copy": {}})
    result = capture(workload)
    assert result.state == "complete"
    assert names(result) == ["core", "cuda_core", "tensor_ops"]
    assert [r.kept.facts["launches"] for r in result.records] == [3, 3, 2]
    for record in result.records[:2]:
        assert "--kernel-name regex:^(?!(norm|norm_add)$)" in " ".join(record.job.command)
        assert record.job.facts["graph_profiling"] == "node"
    changes = manifest(workload.output)["changes"]
    assert [change.split(": ", 2)[1:] for change in changes] == [
        ["the driver failed at a graph's node after 2 launches, behind norm", "profiled without it"],
        ["the driver failed at a graph's node after 3 launches, behind norm_add", "profiled without it"],
    ]
    assert result.starts == 5


def test_graphs_that_break_at_many_kernels_are_profiled_whole(workload: CaptureOptions, ncu: Install) -> None:
    ncu("graph-kernel", kernels={"gemm": {}, "norm_1": {}, "norm_2": {}, "norm_3": {}})
    result = capture(workload)
    assert (result.state, names(result), result.starts) == ("complete", ["core"], 4)
    assert result.records[0].job.facts["graph_profiling"] == "graph"
    assert "--kernel-name" not in result.records[0].job.command
    assert [p.name for p in (workload.output / "ncu").iterdir()] == ["workload-core-cold-graphs.ncu-rep"]


def test_a_slice_of_the_launches_takes_no_other_filter(workload: CaptureOptions, ncu: Install) -> None:
    ncu("graph-kernel", kernels={"gemm": {}, "norm": {}})
    result = capture(replace(workload, count=5))
    assert result.records[0].job.facts["graph_profiling"] == "graph"
    assert result.starts == 2


def test_where_a_graph_was_replayed_ncu_takes_no_sample(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    """In its mode for samples ncu passes over nodes of graphs."""
    ncu(kernels={"gemm": {BF16: 8.0}, "copy": {}})
    nsys("graphs")
    look = capture(replace(workload, nsys=True)).of("ncu")[-1]
    assert look.job.name == "tensor_ops"
    assert "--kernel-name regex:^(copy)$" in " ".join(look.job.command)


def test_the_number_of_launches_that_is_shown_is_that_of_a_whole_run(
    workload: CaptureOptions, ncu: Install, nsys: Install
) -> None:
    seen: list[CaptureProgress] = []
    ncu("graph-node")
    nsys("graphs")
    capture(replace(workload, nsys=True), seen.append)
    totals = {progress.launch_total for progress in seen if progress.run == "workload core cold"}
    assert totals == {1, None}


def test_a_choice_by_hand_is_not_overruled(workload: CaptureOptions, ncu: Install) -> None:
    ncu("graph-node")
    result = capture(replace(workload, ncu_args=("--graph-profiling", "node")))
    assert result.state == "partial"
    assert "the driver failed after 3 launches: LaunchFailed" in str(result.records[0].cause)
    assert "graph" in str(result.records[0].hint)


def test_a_trace_without_graphs_does_not_blame_them(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu("graph-node")
    nsys("region")
    result = capture(replace(workload, nsys=True))
    assert result.state == "partial"
    assert result.of("ncu")[0].job.facts["graph_profiling"] == "node"


def test_another_profiler_in_the_workload_is_recognised(workload: CaptureOptions, ncu: Install) -> None:
    ncu("other-profiler")
    result = capture(workload)
    assert "a profiler of its own" in str(result.records[0].cause)
    assert "torch.profiler" in str(result.records[0].hint)


def test_a_command_that_is_not_there(workload: CaptureOptions, ncu: Install) -> None:
    ncu("hang")
    with pytest.raises(UsageError, match="no such program"):
        capture(replace(workload, command=("no-such-server", "--port", "1")))
    assert not workload.output.exists()


def test_what_cannot_be_started_is_said_before_anything_is(
    workload: CaptureOptions, ncu: Install, nsys: Install, tmp_path: Path
) -> None:
    ncu("hang")
    script = tmp_path / "serve.sh"
    script.touch()
    commands = {str(tmp_path): "it is a directory", str(script): "it is not executable", str(nsys()): "starts nsys"}
    for program, said in commands.items():
        with pytest.raises(UsageError, match=said):
            capture(replace(workload, command=(program, "profile")))
    assert not workload.output.exists()


def test_a_trace_that_fails_does_not_end_the_capture(workload: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys("importer")
    result = capture(replace(workload, nsys=True))
    assert result.state == "partial"
    assert [r.state for r in result.of("ncu")] == ["complete", "complete"]


def test_a_workload_that_fails_before_any_work_is_not_started_again(
    workload: CaptureOptions, ncu: Install, nsys: Install
) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys("harness-error")
    with pytest.raises(RoofprofError, match="topk cannot be captured"):
        capture(replace(workload, nsys=True))
    m = manifest(workload.output)
    assert (m["state"], m["runs"], [run["state"] for run in m["nsys"]]) == ("failed", [], ["failed"])


def test_a_workload_that_fails_behind_its_work_is_profiled(
    workload: CaptureOptions, ncu: Install, nsys: Install
) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    nsys("fails-late")
    result = capture(replace(workload, nsys=True))
    assert result.state == "partial"
    assert names(result) == ["eager", "core", "cuda_core"]


def test_a_dry_run_says_what_starts_cost_before(
    workload: CaptureOptions, ncu: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    words = [
        "capture",
        "--dry-run",
        "--no-nsys",
        "--chip",
        "gh100",
        "-o",
        str(workload.output),
        "--",
        "python",
        "-c",
        "1",
    ]
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "2 starts of the workload, 4 where kernels are looked at again" in shown
    assert "they took" not in shown
    capture(workload)
    assert run(words) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert re.search(r"they took core \d+ s, cuda_core \d+ s; \d+ s together$", line)
    (workload.output / "manifest.json").write_text("{")
    assert run(words) == 0
    assert "they took" not in capsys.readouterr().out


def test_what_the_workload_prints_is_in_the_logs(
    workload: CaptureOptions, ncu: Install, monkeypatch: pytest.MonkeyPatch, all_bytes: Callable[[Path], bytes]
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "canary-hf_abcdef0123456789")
    ncu("crash")
    result = capture(workload)
    log = (workload.output / "logs" / "workload-core-cold.txt").read_text()
    assert "illegal memory access" in log
    assert "illegal memory access" in str(result.records[0].hint)
    assert b"canary" not in all_bytes(workload.output)


def test_the_manifest_is_json(workload: CaptureOptions, ncu: Install) -> None:
    ncu(kernels={"gemm": {BF16: 8.0}})
    json.dumps(capture(workload).as_dict())


def test_nothing_in_the_region_is_an_error(workload: CaptureOptions, ncu: Install) -> None:
    ncu("no-region")
    with pytest.raises(RoofprofError, match="no kernel was profiled") as error:
        capture(replace(workload, region="api"))
    assert "--region" in str(error.value.hint)
