import subprocess
from pathlib import Path

import pytest

from roofprof.own_python import module_command, module_environment
from roofprof.profiler.capture.selfcheck import selfcheck_options
from roofprof.profiler.run.options import CaptureOptions

PLANTED = ("ncu_report", "random", "json", "torch", "roofprof", "sitecustomize", "argparse")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Path:
    """A working folder full of modules that would leave a file behind."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(f"open(r'{tmp_path}/ran.{name}', 'w')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("module", ["roofprof.harness.run", "roofprof.harness.verify", "roofprof.harness.calibration"])
def test_modules_of_the_working_folder_do_not_run(module: str, planted: Path) -> None:
    command = [*module_command(module), "--help"]
    subprocess.run(command, env=module_environment(), capture_output=True, check=True)
    assert not list(planted.glob("ran.*"))


def test_nor_in_what_our_modules_start(planted: Path) -> None:
    worker = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import json, random'], check=True)"
    command = [*module_command("timeit", "-n1", "-r1", worker)]
    subprocess.run(command, env=module_environment(), capture_output=True, check=True)
    assert not list(planted.glob("ran.*"))


def test_every_process_of_ours_is_started_so(gpu_is: object, tmp_path: Path, root: Path) -> None:
    layer = CaptureOptions(output=tmp_path).harness_command("decode", None, tmp_path / "progress")
    check = selfcheck_options(tmp_path, tmp_path / "record").command
    assert "-P" in layer[:2]
    assert "-P" in check[:2]
    for package in ("roofprof", "harness", "parsers", "profiler", "reports"):
        for path in (root / package).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert "sys.executable" not in line or "-m" not in line or '"-P"' in line, f"{path}: {line}"


def test_a_checkout_that_is_not_installed_is_found(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(root)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    code = ["--help"]
    subprocess.run([*module_command("roofprof"), *code], env=module_environment(), capture_output=True, check=True)
    monkeypatch.chdir(root.parent)
    assert "PYTHONPATH" not in module_environment({"HOME": "/"})
