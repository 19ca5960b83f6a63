"""The reference document's own commands, as it gives them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roofprof.reports.all_kernels import write_all_kernels
from roofprof.results.report import RooflineReport


def script(root: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, name, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture
def scripts(root: Path, tmp_path: Path) -> Path:
    """A folder beside results/ from which the scripts run, as in the reference document."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("bench_deepseek_kernels.py", "plot_roofline.py"):
        (folder / name).symlink_to(root / "scripts" / name)
    return folder


def test_plot_roofline(scripts: Path, tmp_path: Path, decode: RooflineReport) -> None:
    write_all_kernels(decode, tmp_path / "results/all_kernels.csv")
    arguments = ("--input", "../results/all_kernels.csv", "--output", "../roofline.png")
    done = script(scripts, "plot_roofline.py", *arguments, "--report", "../roofline.md")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")
    assert "## Kernel Placement" in (tmp_path / "roofline.md").read_text()
    done = script(scripts, "plot_roofline.py", *arguments, "--by-phase")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "roofline-decode.png").exists()
    assert not (tmp_path / "roofline-prefill.png").exists()


def test_plot_roofline_without_its_input(scripts: Path) -> None:
    done = script(scripts, "plot_roofline.py", "--input", "../results/all_kernels.csv", "--output", "../roofline.png")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot read ../results/all_kernels.csv")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="needs a machine without a GPU")
def test_bench_without_a_gpu_says_so(scripts: Path, tmp_path: Path) -> None:
    done = script(scripts, "bench_deepseek_kernels.py", "--phase", "all", "--output", "../results/")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results/all_kernels.csv").exists()


@pytest.mark.gpu
def test_bench_leaves_all_kernels(scripts: Path, tmp_path: Path) -> None:
    only = ("--only", "q_a_layernorm", "--batch", "1")
    done = script(scripts, "bench_deepseek_kernels.py", "--phase", "decode", "--output", "../results/", *only)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/all_kernels.csv").read_text().startswith("op,implementation,")
    assert os.path.getsize(tmp_path / "results/report.json")
