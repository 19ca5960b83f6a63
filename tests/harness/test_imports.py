"""A bare GPU box can capture: the harness starts with the standard library alone, and torch when it runs."""

import os
import subprocess
import sys

FORBIDDEN = ("polars", "pandas", "matplotlib", "ncu_report", "typer", "rich", "pyarrow")


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_harness_starts_bare():
    loaded = loaded_after(
        "import roofprof.harness.run.__main__, roofprof.harness.verify.run, roofprof.harness.calibration.run"
        ", roofprof.harness.calibration.ceilings"
    )
    assert not loaded & {*FORBIDDEN, "torch", "triton", "sgl_kernel", "flashinfer", "nvtx", "cupy"}


def test_listing_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; "
        "from roofprof.harness.run.__main__ import main; sys.exit(main(['--list', '--phase', 'all']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "torch does not import" in done.stdout


def test_running_without_torch_is_a_clear_error():
    code = (
        "import sys; sys.modules['torch'] = None; "
        "from roofprof.harness.run.__main__ import main; sys.exit(main(['--phase', 'decode']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: torch does not import")
    assert "Traceback" not in done.stderr


def test_calibration_and_ceilings_without_torch_are_clear_errors():
    for statement in (
        "from roofprof.harness.calibration.run import main; sys.exit(main([]))",
        "from roofprof.cli import run; sys.exit(run(['ceilings']))",
    ):
        code = f"import sys; sys.modules['torch'] = None; {statement}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("error: torch does not import")


NOT_ON_A_GPU_BOX = (*FORBIDDEN, "hypothesis", "jsonschema", "selenium", "markdown_it", "numpy")


def test_gpu_tests_are_collected_without_the_packages_of_analysis(root):
    """`scripts/gpu-check` runs them on a box that has torch and pytest alone."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({NOT_ON_A_GPU_BOX!r})); import pytest; "
        "sys.exit(pytest.main(['-m', 'gpu', '--collect-only', '-q', '-p', 'no:cacheprovider', 'tests/harness']))"
    )
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "test_gpu.py::test_run" in done.stdout
    assert "error" not in done.stdout.lower()
