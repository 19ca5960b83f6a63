"""Verification on the CPU, and what it makes of ops that are wrong, raise, hang or kill their process."""

import json
import os
import sys

import pytest

from roofprof.harness.verify import child
from roofprof.harness.verify.run import main

pytest.importorskip("torch")

SMALL = ("--device", "cpu", "--experts", "16", "--tp", "8", "--seq-len", "70", "--prefill-len", "20", "--batch", "3")

BROKEN = """
import os, sys, time
from roofprof.harness.plan.choose import PlannedOp
from roofprof.harness.verify.run import main
make_call = PlannedOp.make_call
def broken(planned, ctx, implementation):
    op = planned.spec.op
    if op == "rope": raise ValueError("no such rope")
    if op == "kv_write": os.abort()
    if op == "q_b_proj": time.sleep(60)
    call = make_call(planned, ctx, implementation)
    if op == "q_a_layernorm":
        import dataclasses
        return dataclasses.replace(call, results=lambda output: (output * 1.1,))
    return call
PlannedOp.make_call = broken
sys.exit(main())
"""


def verify(capsys, *arguments):
    code = main([*SMALL, "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)["results"]


@pytest.mark.parametrize("layer", ["moe", "dense"])
def test_every_op_agrees_with_its_reference(capsys, layer):
    code, results = verify(capsys, "--phase", "all", "--layer", layer, "--variants", "--all-impls")
    assert code == 0
    assert {r["verdict"] for r in results} == {"ok", "skip"}
    assert {r["op"] for r in results if r["verdict"] == "skip"} == {"all_reduce_attn", "all_reduce_mlp"}
    assert all(r["error"] <= r["tolerance"] for r in results if r["verdict"] == "ok")
    assert len(results) > 30


def test_ranks_of_experts_share_the_rows(capsys):
    code, results = verify(capsys, "--only", "moe|topk", "--tp", "2", "--ep", "2", "--skew", "1.5", "--batch", "9")
    assert code == 0
    assert {r["op"] for r in results if r["verdict"] == "ok"} >= {
        "moe_align",
        "moe_permute",
        "moe_gate_up",
        "moe_combine",
    }


def test_quantisation_on_the_cpu(capsys):
    code, results = verify(capsys, "--recipe", "fp8", "--only", "^quant_|moe_permute")
    assert code == 0
    assert {r["verdict"] for r in results} == {"ok"}


def test_what_cannot_run_is_skipped_with_its_reason(capsys):
    code, results = verify(capsys, "--recipe", "fp8", "--only", "^o_proj")
    assert code == 0
    assert results[0]["verdict"] == "skip"
    assert "fp8_blockwise_scaled_mm: it needs a GPU" in results[0]["why"]


def test_one_bad_op_does_not_take_the_rest_down(capsys, monkeypatch, tmp_path):
    script = tmp_path / "broken_verify.py"
    script.write_text(BROKEN)
    monkeypatch.setattr(child, "COMMAND", (str(script),))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    code, rows = verify(capsys, "--timeout", "5", "--only", "norm|q_b_proj|rope|kv_write|attn")
    results = {r["op"]: r for r in rows}
    assert code == 1
    assert {op: r["verdict"] for op, r in results.items() if r["verdict"] not in ("ok", "skip")} == {
        "rope": "FAIL", "kv_write": "FAIL", "q_b_proj": "FAIL", "q_a_layernorm": "WRONG",
    }  # fmt: skip
    assert "no such rope" in results["rope"]["why"]
    assert "SIGABRT" in results["kv_write"]["why"]
    assert "no result in 5 s" in results["q_b_proj"]["why"]
    assert results["attn_mqa"]["verdict"] == results["post_attention_layernorm"]["verdict"] == "ok"


DYING = """
import os, sys
from roofprof.harness.verify import run
def die(device):
    if "--first" in sys.argv and int(sys.argv[sys.argv.index("--first") + 1]) < 2:
        raise RuntimeError("the context is dead")
run.free_memory = die
{before}
sys.exit(run.main())
"""


def test_a_dead_context_costs_a_new_child_and_no_result(capsys, monkeypatch, tmp_path):
    script = tmp_path / "dying_verify.py"
    script.write_text(DYING.format(before=""))
    monkeypatch.setattr(child, "COMMAND", (str(script),))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    code, rows = verify(capsys, "--only", "norm|rope")
    assert code == 0
    assert [r["op"] for r in rows] == [
        "input_layernorm", "q_a_layernorm", "kv_a_layernorm", "rope", "post_attention_layernorm",
    ]  # fmt: skip
    assert {r["verdict"] for r in rows} == {"ok"}


def test_a_child_that_dies_before_its_first_check_is_an_error_whatever_it_prints(capsys, monkeypatch, tmp_path):
    script = tmp_path / "dying_verify.py"
    script.write_text(DYING.format(before="print('exit code 70', file=sys.stderr); sys.exit(9)"))
    monkeypatch.setattr(child, "COMMAND", (str(script),))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    assert main([*SMALL, "--json", "--only", "rope"]) == 1
    assert "the checks did not start: the process ended: exit code 9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        # What a child prints last is quoted, and must not be taken for its exit code.
        ("sys.exit('the process ended: exit code 70')", 1, "the checks did not start: the process ended: exit code 1"),
        ("os.kill(os.getpid(), 9)", 1, "the checks did not start: the process ended: killed by SIGKILL"),
    ],
)
def test_a_child_that_does_not_start_is_told(capsys, monkeypatch, tmp_path, ending, code, message):
    script = tmp_path / "child.py"
    script.write_text(f"import os, sys\n{ending}\n")
    monkeypatch.setattr(child, "COMMAND", (str(script),))
    assert main([*SMALL, "--only", "rope"]) == code
    assert message in capsys.readouterr().err


def test_a_dead_context_is_followed_by_a_new_child(capsys, monkeypatch, tmp_path):
    dead = "import sys\nfrom roofprof.harness.verify import run\n"
    dead += "def free(device): raise RuntimeError('context is dead')\nrun.free_memory = free\nsys.exit(run.main())\n"
    script = tmp_path / "dead.py"
    script.write_text(dead)
    monkeypatch.setattr(child, "COMMAND", (str(script),))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    code, rows = verify(capsys, "--only", "^rope|kv_write")
    assert (code, [(r["op"], r["verdict"]) for r in rows]) == (0, [("rope", "ok"), ("kv_write", "ok")])


def test_wrong_options(capsys):
    assert main(["--timeout", "0"]) == 2
    assert main([*SMALL, "--only", "xyz"]) == 2
    assert "no op matches" in capsys.readouterr().err
