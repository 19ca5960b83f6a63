"""The profiled process, on the CPU with few experts and an eighth of the heads."""

import contextlib
import json
import subprocess
import sys
import types
from typing import Any

import pytest

from roofprof.formulas.layer import LayerCase, layer_ops
from roofprof.formulas.models import evaluate
from roofprof.formulas.range_names import parse_range_name
from roofprof.harness.inputs.ranges import Ranges
from roofprof.harness.run.__main__ import main
from roofprof.harness.run.graph import capture_graphs
from roofprof.harness.run.region import ProfilerRegion

SMALL = ("--device", "cpu", "--experts", "16", "--tp", "8", "--seq-len", "70", "--prefill-len", "20")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("run")
    files = {name: folder / name for name in ("run.json", "progress.jsonl")}
    command = [
        sys.executable,
        "-m",
        "roofprof.harness.run",
        *SMALL,
        "--phase",
        "all",
        "--batch",
        "1,3",
        "--repeats",
        "2",
    ]
    command += ["--skew", "1", "--json-out", files["run.json"], "--progress", files["progress.jsonl"], "--variants"]
    subprocess.run(command, check=True)
    events = [json.loads(line) for line in files["progress.jsonl"].read_text().splitlines()]
    return json.loads(files["run.json"].read_text()), events


def test_every_op_of_the_layer_ran_in_order(ran):
    manifest, _ = ran
    assert [c["range_name"] for c in manifest["cases"]] == [
        "decode:case:b1:s70", "decode:case:b3:s70", "prefill:case:b1:s20",
    ]  # fmt: skip
    for case in manifest["cases"]:
        expected = [s.op for s in layer_ops(LayerCase(case["phase"], case["batch"], case["seq_len"], tp=8))]
        ops = [op["op"] for op in case["ops"]]
        assert [op for op in ops if not op.startswith(("quant_", "topk_", "merge_"))] == [
            op for op in expected if not op.startswith("quant_")
        ]
        assert {op["op"]: op["not_run"] for op in case["ops"] if op["not_run"]} == {
            "all_reduce_attn": "it needs several GPUs",
            "all_reduce_mlp": "it needs several GPUs",
        }


def test_range_names_hold_counted_experts(ran):
    for case in ran[0]["cases"]:
        routing = case["routing"]
        assert (
            sum(routing["rows_per_expert"])
            == routing["row_count"]
            == 8 * (case["batch"] if case["phase"] == "decode" else 20)
        )
        assert routing["experts_hit"] == sum(rows > 0 for rows in routing["rows_per_expert"])
        names = {op["op"]: op["range_name"] for op in case["ops"] if not op["not_run"]}
        for name in names.values():
            parsed = parse_range_name(name)
            assert parsed.formula is not None
            assert evaluate(parsed.formula, parsed.shape).dram_bytes > 0
        assert parse_range_name(names["moe_gate_up"]).shape["e"] == routing["experts_hit"]


def test_what_it_says_of_the_machine(ran):
    manifest, _ = ran
    assert manifest["gpu"] is None
    assert manifest["packages"]["torch"]
    assert (manifest["seed"], manifest["skew"], manifest["repeats"], manifest["rotate"]) == (0, 1.0, 2, True)


def test_progress_tells_cases_stages_and_the_end(ran):
    _, events = ran
    assert [e["index"] for e in events if e["event"] == "case_started"] == [0, 1, 2]
    assert {e["stage"] for e in events if e["event"] == "op_started"} == {"prepare", "profile"}
    assert all(e["index"] < e["total"] for e in events if e["event"] == "op_started")
    assert events[-1]["event"] == "done"


@pytest.mark.parametrize(("once", "calls"), [(False, ["Start", "Stop"] * 2), (True, ["Start", "Stop"])])
def test_the_profiled_region_is_each_case_or_all(once, calls, monkeypatch):
    seen = []
    cuda = types.SimpleNamespace(
        synchronize=lambda: None,
        cudart=lambda: types.SimpleNamespace(
            cudaProfilerStart=lambda: seen.append("Start"), cudaProfilerStop=lambda: seen.append("Stop")
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    region = ProfilerRegion("cuda", once)
    with contextlib.closing(region):
        for _ in range(2):
            with region.case():
                pass
    assert seen == calls


def test_a_case_that_fails_ends_the_region(monkeypatch):
    region = ProfilerRegion("cpu", once=False)
    with pytest.raises(ZeroDivisionError), region.case():
        raise ZeroDivisionError
    assert not region._open


def test_one_region_on_the_cpu(tmp_path):
    pytest.importorskip("torch")
    output = tmp_path / "run.json"
    words = ("--only", "rope", "--batch", "1,2", "--profiler-range", "once", "--json-out", str(output))
    assert main([*SMALL, *words]) == 0
    assert len(json.loads(output.read_text())["cases"]) == 2


def test_listing_says_why_others_are_not_possible(capsys):
    pytest.importorskip("torch")
    assert main(["--list", "--device", "cpu", "--recipe", "fp8"]) == 0
    ops = {op["op"]: op for op in json.loads(capsys.readouterr().out)["cases"][0]["ops"]}
    assert ops["o_proj"]["possible"] == []
    assert ops["o_proj"]["refused"]["fp8_blockwise_scaled_mm"] == "it needs a GPU"
    assert ops["rope"]["implementation"] == "torch"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--batch", "x"), 2, "--batch 'x': expected comma-separated integers"),
        (("--batch", "0"), 2, "batch 0 is out of range"),
        (("--experts", "7"), 2, "invalid --experts: 7"),
        (("--experts", "16", "--ep", "32"), 2, "does not divide"),
        (("--tp", "3"), 2, "does not divide"),
        (("--recipe", "int3"), 2, "invalid --recipe: 'int3'"),
        (("--impl", "rope"), 2, "invalid --impl: 'rope'"),
        (("--skew", "9"), 2, "out of range"),
        (("--repeats", "0"), 2, "out of range"),
        (("--graph",), 2, "needs a GPU"),
        (("--phase", "nothing"), 2, "invalid --phase: 'nothing'"),
        (("--nothing",), 2, "unrecognized arguments"),
        (("--recipe", "fp8"), 1, "nothing can run fused_qkv_a_proj in fp8 on the CPU"),
        (("--recipe", "nvfp4-v2"), 1, "fp4"),
        (("--batch", "100000", "--seq-len", "4000000"), 1, "GB are free"),
        (("--only", "rope", "--json-out", "/proc/nowhere/run.json"), 1, "cannot write /proc/nowhere/run.json"),
        (("--only", "rope", "--progress", "/proc/nowhere/p"), 1, "cannot write /proc/nowhere/p"),
    ],
)
def test_errors_are_clear(capsys, arguments, code, message):
    pytest.importorskip("torch")
    assert main(["--device", "cpu", *arguments]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_a_replayed_op_has_the_path_of_a_launched_one(monkeypatch):
    graph = contextlib.nullcontext
    cuda = types.SimpleNamespace(CUDAGraph=object, graph=lambda _: graph())
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    open_ranges, seen = [], []
    ranges = Ranges("roofprof", open_ranges.append, open_ranges.pop)
    call = types.SimpleNamespace(run=lambda step: seen.append((*open_ranges, step)))
    ready: list[Any] = [types.SimpleNamespace(range_name="rope:rope:m1", call=call)]
    assert len(capture_graphs(ready, ranges, "decode:case:b1:s64", range(1, 3))) == 2
    assert seen == [("decode:case:b1:s64", "rope:rope:m1", 1), ("decode:case:b1:s64", "rope:rope:m1", 2)]
