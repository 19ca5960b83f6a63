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


def test_calibration_runs_what_it_can_and_names_the_rest(tmp_path):
    output = tmp_path / "calibration.json"
    done = run("calibration", "--json-out", str(output))
    assert done.returncode == 0, done.stderr
    record = json.loads(output.read_text())
    assert "gemm_bf16" in record["kernels"]
    assert not {"empty", "copy", "ffma", "mufu"} & set(record["skipped"]) or "cupy" in str(record["skipped"])


def test_ceilings_stay_near_the_datasheet():
    from roofprof.hardware.devices import recognise_gpu
    from roofprof.harness.calibration.ceilings import measure

    found = measure(quick=True)
    spec = recognise_gpu(found.gpu)
    assert found.peak_flop_per_s["tensor_bf16"].burst > 0
    if spec:
        assert 0.4 < found.peak_flop_per_s["tensor_bf16"].burst / spec.peak_flop_per_s["tensor_bf16"] < 1.15
        assert spec.dram_bytes_per_s
        assert all(0.5 < rate / spec.dram_bytes_per_s < 1.05 for rate in found.dram_bytes_per_s.values())
