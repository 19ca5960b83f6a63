"""`roofprof capture --ranks 8`: what it would start, and the share of a rank, without a GPU."""

import json

import pytest

from roofprof.cli import run
from roofprof.formulas.layer import LayerCase, layer_ops

COMMAND = ("capture", "--phase", "decode", "--ranks", "8", "--tp", "8", "--ep", "8", "--batch", "64,128", "--dry-run")


def test_each_run_is_started_once_on_eight_ranks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMAND, "-o", "x8"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("for each run below, started once on 8 ranks:\n")
    assert "--nproc-per-node 8" in out
    own = [line for line in out.splitlines() if "-m roofprof.harness.run" in line]
    assert len(own) == 5  # core, cuda_core, link, and the traces of both ways to launch
    assert all("--batch 64,128" in line and "--tp 8 --ep 8 --ranks 8" in line for line in own)
    assert [("regex:^nccl" in line) for line in own] == [False, False, True, False, False]


def test_the_plan_as_json_says_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMAND, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["ranks"] == 8
    assert [job["name"] for job in (*plan["runs"], *plan["nsys"])] == ["core", "cuda_core", "link", "eager", "graph"]


@pytest.mark.parametrize("batch", [64, 128])
def test_a_rank_has_an_eighth_of_heads_and_experts(batch: int) -> None:
    """TP cuts attention and the shared expert, EP leaves experts whole: 32 of 256 on each GPU, 2,048 wide."""
    ops = {op.op: op for op in layer_ops(LayerCase(phase="decode", batch=batch, tp=8, ep=8))}
    assert ops["q_b_proj"].shape["n"] == 128 // 8 * 192
    assert ops["o_proj"].shape["k"] == 128 // 8 * 128
    assert ops["shared_gate_up"].shape["n"] == 2 * 2048 // 8
    assert ops["moe_gate_up"].shape["n"] == 2 * 2048
    assert ops["moe_align"].shape["x"] == 256 // 8
    assert ops["ep_dispatch"].shape["m"] == batch // 8
    assert ops["all_reduce_mlp"].shape["t"] == 8
