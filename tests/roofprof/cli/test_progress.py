"""One line of progress; what the workload prints is shown on request."""

import pytest

from roofprof.cli.progress import ProgressLine
from roofprof.profiler.run.watch import CaptureProgress

PROGRESS = CaptureProgress("workload core cold", 2, 4, 7, 198, "gemm", None, 12.0, "step 1\n", 61.4)


def test_progress_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLine()(PROGRESS)
    assert capsys.readouterr().err == "[2/4] workload core cold: 7 of 198 launches, 61 s, 12 s left, gemm\n"


def test_output_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLine(show_output=True)(PROGRESS)
    assert capsys.readouterr().err.startswith("step 1\n[2/4]")


def test_a_run_without_launches_yet_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLine()(CaptureProgress("core", 1, 1, 0, elapsed_s=30.0))
    assert "30 s, before the first launch" in capsys.readouterr().err
