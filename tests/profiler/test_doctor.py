import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_tools import Install

from roofprof.profiler.doctor import Check, doctor, exit_status
from roofprof.profiler.run.gpu import counters_permitted, gpus


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {c.name: c for c in checks}


def test_a_machine_that_can_capture(tools: Path, ncu: Install) -> None:
    ncu()
    checks = doctor(harness=False)
    found = by_name(checks)
    assert exit_status(checks) == 0
    assert found["ncu"].detail == "2025.3.1.0"
    assert found["GPU"].detail.startswith("NVIDIA H100 80GB HBM3, compute capability 9.0, 86 GB")
    assert found["plan"].status == "ok"
    assert found["counters"].status == "ok"
    assert found["nsys"].status == "warn"


@pytest.mark.parametrize(
    ("version", "status"),
    [("2022.4.1.0", "warn"), ("2023.2.2.0", "warn"), ("2023.3.0.0", "ok"), ("2023.10.0.0", "ok"), ("2026.1.0.0", "ok")],
)
def test_versions_are_compared_as_numbers(tools: Path, version: str, status: str) -> None:
    (tools / "ncu").write_text(f"#!/bin/sh\necho Version {version}\n")
    (tools / "ncu").chmod(0o755)
    check = by_name(doctor(harness=False))["ncu"]
    assert (check.status, version in check.detail) == (status, True)


def test_a_machine_without_anything(tools: Path) -> None:
    (tools / "nvidia-smi").unlink()
    checks = doctor(harness=False)
    assert exit_status(checks) == 1
    assert {n for n, c in by_name(checks).items() if c.status == "fail"} == {"GPU", "ncu"}
    assert all(c.remedy for c in checks if c.status == "fail")


def test_counters_need_permission(tools: Path, ncu: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    ncu()
    parameters = tools.parent / "params"
    monkeypatch.setattr("roofprof.profiler.run.gpu.DRIVER_PARAMETERS", parameters)
    (tools.parent / "status").write_text("CapEff:\t0000000000000000\n")
    assert counters_permitted() is None
    parameters.write_text("Foo: 1\nRmProfilingAdminOnly: 1\n")
    checks = doctor(harness=False)
    assert exit_status(checks) == 1
    assert "NVreg_RestrictProfilingToAdminUsers=0" in str(by_name(checks)["counters"].remedy)
    parameters.write_text("RmProfilingAdminOnly: 0\n")
    assert exit_status(doctor(harness=False)) == 0


def test_other_gpus(tools: Path, ncu: Install, gpu_is: Callable[..., None]) -> None:
    ncu()
    gpu_is("10.0")
    assert by_name(doctor(harness=False))["plan"].detail == "gb100: untested"
    gpu_is("8.7")
    assert by_name(doctor(harness=False))["plan"].status == "fail"
    gpu_is("9.0", mig="Enabled")
    assert by_name(doctor(harness=False))["MIG"].status == "warn"


def test_ops_are_asked_of_the_harness(tools: Path, ncu: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    ncu()
    listed = {
        "missing": None,
        "cases": [
            {
                "phase": "decode",
                "recipe": "fp8",
                "ops": [
                    {"op": "rope", "possible": ["torch"], "refused": {"flashinfer": "not installed"}},
                    {"op": "topk", "possible": [], "refused": {"sgl_kernel": "not installed"}},
                    {"op": "ep_combine", "possible": [], "refused": {}},
                ],
            }
        ],
    }
    harness = tools / "python"
    harness.write_text(f"#!/bin/sh\n[ \"$1 $4\" = '-P --list' ] && echo '{json.dumps(listed)}'\n")
    harness.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(harness))
    found = by_name(doctor())
    assert found["ops, decode"].status == "warn"
    assert found["ops, decode"].detail == "2 of 3, recipe fp8; not topk"
    harness.write_text("#!/bin/sh\necho 'error: torch is not there' >&2\necho 'hint: install it' >&2\nexit 1\n")
    checks = doctor()
    found = by_name(checks)
    assert (found["ops"].status, found["ops"].remedy) == ("fail", "install it")
    assert found["ops"].detail.endswith("torch is not there")
    assert exit_status(checks) == 1


def test_visible_devices_choose(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for visible, count in (("0", 1), ("1", 0), ("", 0), ("GPU-11111111", 1), ("MIG-abc", 1)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert len(gpus()) == count


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, roofprof.profiler.capture.session, roofprof.profiler.doctor\n"
        "heavy = {'torch', 'polars', 'pandas', 'matplotlib', 'ncu_report', 'typer', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
