import getpass
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_tools import Install, manifest

from roofprof.errors import RoofprofError, UsageError
from roofprof.formats.ncu_rep import blocks
from roofprof.profiler.capture.selfcheck import capture_selfcheck
from roofprof.profiler.capture.session import CaptureResult, capture
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.watch import CaptureProgress


def launches(result: CaptureResult) -> int:
    count = result.records[0].kept.facts["launches"]
    assert isinstance(count, int)
    return count


def test_a_layer_is_captured_in_two_runs(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    seen: list[CaptureProgress] = []
    result = capture(options, seen.append)
    assert result.state == "complete"
    files = sorted(str(p.relative_to(options.output)) for p in options.output.rglob("*") if p.is_file())
    assert files == [
        "harness/decode-core-cold.json", "harness/decode-cuda_core-cold.json", "logs/decode-core-cold.txt",
        "logs/decode-cuda_core-cold.txt", "manifest.json", "ncu/decode-core-cold.ncu-rep",
        "ncu/decode-cuda_core-cold.ncu-rep",
    ]  # fmt: skip
    m = manifest(options.output)
    assert m["schema_version"] == 1
    assert m["state"] == "complete"
    assert m["merge"] == [["ncu/decode-core-cold.ncu-rep", "ncu/decode-cuda_core-cold.ncu-rep"]]
    assert [(r["name"], r["launches"], r["passes"], r["state"]) for r in m["runs"]] == [
        ("core", 9, [1], "complete"),
        ("cuda_core", 9, [1], "complete"),
    ]
    assert m["versions"] == {
        "cuda": "13.0", "torch": "2.11.0",
        "packages": {"torch": "2.11.0", "sglang-kernel": "0.4.2"},
        "gpu": "NVIDIA H100 80GB HBM3",
        "compute_capability": "9.0", "driver": "580.65.06", "ncu": "2025.3.1.0", "nsys": None,
    }  # fmt: skip
    assert m["recipe"] == "fp8"
    assert m["cases"] == [
        {
            "range_name": "decode:case:b64:s4096", "phase": "decode", "recipe": "fp8", "untested": [],
            "routing": {"experts_hit": 222}, "implementations": {"rope": "torch"},
            "not_run": {"ep_combine": "it needs several GPUs"},
        }
    ]  # fmt: skip
    assert (m["nvtx_domain"], m["gpu"]["sm_clock_hz"]) == ("roofprof", 1980000000)
    assert seen[-1].launch_total == 9
    assert seen[-1].op == "profile rope"
    assert len(blocks((options.output / "ncu/decode-core-cold.ncu-rep").read_bytes())) > 9


def test_phases_and_cache_modes_multiply(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    result = capture(replace(options, phase="all", cache="both", batch=(1, 64)))
    names = [(r.job.phase, r.job.facts["cache"], r.job.name) for r in result.records]
    assert len(names) == 8
    assert names[0] == ("decode", "cold", "core")
    assert names[-1] == ("prefill", "warm", "cuda_core")
    assert len(manifest(options.output)["merge"]) == 4


def test_a_phase_without_a_wanted_op_is_left_out(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    result = capture(replace(options, phase="all", only="attn_mha|concat", impl=("attn_mqa=x",)))
    assert {r.job.phase for r in result.records} == {"prefill"}


def test_another_workload(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    result = capture(replace(options, command=("python", "serve.py")))
    assert [r.job.name for r in result.records] == ["core", "cuda_core", "tensor_ops", "second_look"]
    m = manifest(options.output)
    assert m["workload"] == "command"
    assert m["command"][-2:] == ["--", "<command>"]
    assert m["recipe"] is None
    assert not (options.output / "harness").exists()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("permission", "ERR_NVGPUCTRPERM"),
        ("lock", "lock file"),
        ("metric", "sm__nonsense.sum"),
        ("nothing", "no kernel was profiled"),
        ("harness-error", "batch 128 needs"),
        ("garbage", "not an ncu report"),
    ],
)
def test_what_gives_nothing_is_an_error(options: CaptureOptions, ncu: Install, mode: str, message: str) -> None:
    ncu(mode)
    with pytest.raises(RoofprofError, match=message) as error:
        capture(options)
    assert error.value.hint
    m = manifest(options.output)
    assert m["state"] == "failed"
    assert len(m["runs"]) == 1
    assert m["merge"] == []
    assert not list(options.output.rglob("*.ncu-rep"))
    assert not (options.output / ".partial").exists()
    ncu()
    assert capture(options).state == "complete"


def test_a_crash_leaves_what_it_had(options: CaptureOptions, ncu: Install) -> None:
    ncu("crash")
    result = capture(options)
    assert result.state == "partial"
    assert [r.state for r in result.records] == ["partial", "partial"]
    assert launches(result) == 9
    assert result.records[0].hint
    assert "illegal memory access" in result.records[0].hint
    assert manifest(options.output)["runs"][0]["cause"] == "The application returned an error code (1)."


def test_a_cut_report_is_partial(options: CaptureOptions, ncu: Install) -> None:
    ncu("cut")
    result = capture(options)
    assert result.state == "partial"
    assert 0 < launches(result) < 9
    blocks((options.output / "ncu/decode-core-cold.ncu-rep").read_bytes())


def test_a_full_disk_ends_the_capture(options: CaptureOptions, ncu: Install) -> None:
    ncu("no-space")
    with pytest.raises(RoofprofError, match="disk is full"):
        capture(options)
    assert len(manifest(options.output)["runs"]) == 1


def test_no_gpu_no_ncu_no_permission(
    options: CaptureOptions, tools: Path, ncu: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RoofprofError, match="ncu was not found"):
        capture(options)
    ncu()
    (tools.parent / "status").write_text("CapEff:\t0000000000000000\n")
    parameters = tools.parent / "params"
    parameters.write_text("RmProfilingAdminOnly: 1\n")
    monkeypatch.setattr("roofprof.profiler.run.gpu.DRIVER_PARAMETERS", parameters)
    with pytest.raises(RoofprofError, match="performance counters") as error:
        capture(options)
    assert "NVreg_RestrictProfilingToAdminUsers" in str(error.value.hint)
    (tools / "nvidia-smi").unlink()
    with pytest.raises(RoofprofError, match="no NVIDIA GPU"):
        capture(options)
    assert not options.output.exists()


def test_a_gpu_without_a_plan(options: CaptureOptions, ncu: Install, gpu_is: Callable[..., None]) -> None:
    ncu()
    gpu_is(capability="6.1")
    with pytest.raises(RoofprofError, match=r"6\.1"):
        capture(options)
    assert not options.output.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "encode"}, {"recipe": "int3"}, {"cache": "tepid"}, {"layer": "sparse"}, {"batch": (0,)},
        {"batch": ()}, {"seq_len": 0}, {"prefill_len": 1 << 30, "phase": "prefill"}, {"tp": 3}, {"ep": 5},
        {"experts": 4}, {"repeats": 0}, {"only": "no_such_op"}, {"only": "("},
        {"impl": ("no_such_op=torch",)},
        {"impl": ("rope",)}, {"timeout_s": 0.0}, {"skew": -1.0}, {"only": "topk_softmax"},
        {"experts": 100}, {"experts": 64, "ep": 128}, {"groups": ("l7",)},
    ],
)  # fmt: skip
def test_bad_options_launch_nothing(options: CaptureOptions, ncu: Install, change: dict[str, Any]) -> None:
    ncu("hang")
    with pytest.raises(UsageError):
        capture(replace(options, **change))
    assert not options.output.exists()


CANARIES = {
    "CANARY_PLAIN": "canary-plain-value",
    "CANARY_TOKEN": "canary-hf_abcdef0123456789",
    "CANARY_PATHS": "/canary/bin:/opt/canary/lib",
    "LOGNAME": "canary_user",
    "HOME": "/home/canary_user",
}


@pytest.mark.parametrize("workload", [True, False])
@pytest.mark.parametrize(
    ("mode", "nsys_mode"),
    [("ok", "ok"), ("crash", "importer"), ("cut", "export-fails"), ("garbage", "ok")],
)
def test_no_secret_leaves(
    tmp_path: Path, tools: Path, ncu: Install, nsys: Install, monkeypatch: pytest.MonkeyPatch,
    all_bytes: Callable[[Path], bytes], workload: bool, mode: str, nsys_mode: str,
) -> None:  # fmt: skip
    cwd = tmp_path / "canary-directory"
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    ncu(mode, plant=Path(__file__).parents[2] / "support" / "plant.py")
    nsys(nsys_mode, plant=True)
    command = ("python", "canary_script.py", "--password=canary-argument", "canary-positional") if workload else ()
    options = CaptureOptions(output=Path("out"), command=command, ncu_args=("--kernel-name", "regex:canary-kernel"))
    if mode == "garbage":
        with pytest.raises(RoofprofError):
            capture(options)
    else:
        capture(options)
    kept = all_bytes(cwd / "out")
    assert kept.count(b"manifest.json") >= 1
    assert (b"-eager.sqlite\0SQLite" in kept) is (nsys_mode == "ok" and (workload or mode == "ok"))
    wanted = [
        b"canary",
        str(cwd).encode(),
        sys.executable.encode(),
        os.path.realpath(sys.executable).encode(),
    ]
    wanted += [b"203.0.113.77", b"fe80::77", str(tools).encode()]
    host = socket.gethostname().encode()
    wanted += [host] if len(host) > 3 else []
    assert getpass.getuser() == "canary_user"
    assert [w for w in wanted if w in kept] == []


def test_a_self_check_takes_the_same_path_and_counts_everything(ncu: Install, tmp_path: Path) -> None:
    ncu()
    result = capture_selfcheck(tmp_path / "out")
    runs = manifest(tmp_path / "out")["runs"]
    names = [run["name"] for run in runs]
    assert result.state == "complete"
    assert json.loads((tmp_path / "out" / "calibration.json").read_text())["kernels"] == ["empty"]
    assert names == ["core", "cuda_core", "tensor_fp16", "tensor_tf32", "tensor_int8", "tensor_fp64", "mufu"]
    assert all("--profile-from-start" in run["ncu_args"] for run in runs)
    assert all(run["cache"] == "cold" for run in runs)
    with pytest.raises(UsageError):
        capture_selfcheck(tmp_path / "out")
    capture_selfcheck(tmp_path / "out", force=True)
