"""On a GPU: every op against its reference, and the profiled process."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gpu


def run(module, *arguments):
    command = [sys.executable, "-m", f"roofprof.harness.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("recipe", ["auto", "bf16"])
@pytest.mark.parametrize("arguments", [("--batch", "1,16,64,128"), ("--phase", "prefill")], ids=["decode", "prefill"])
def test_verify(recipe, arguments):
    done = run("verify", "--recipe", recipe, "--variants", "--json", *arguments)
    results = json.loads(done.stdout)["results"]
    bad = [r for r in results if r["verdict"] != "ok"]
    assert done.returncode == 0, bad
    assert not bad


def test_dense_layer():
    done = run("verify", "--layer", "dense", "--only", "dense", "--json")
    assert {r["verdict"] for r in json.loads(done.stdout)["results"]} == {"ok"}, done.stdout


@pytest.mark.parametrize("extra", [(), ("--graph",), ("--graph", "--profiler-range", "once")])
def test_run(tmp_path, extra):
    output = tmp_path / "run.json"
    done = run("run", "--batch", "1,64", "--repeats", "2", "--json-out", str(output), *extra)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(output.read_text())
    assert manifest["gpu"]["compute_capability"]
    assert all(op["range_name"] for case in manifest["cases"] for op in case["ops"] if not op["not_run"])
