"""A launch is attributed once: when its report is read."""

from pathlib import Path

import polars as pl
import pytest

from roofprof.launches import attribution
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of launches of each frame that is attributed from here on."""
    seen: list[int] = []
    number = attribution._number_calls

    def counting(launches: pl.DataFrame) -> pl.DataFrame:
        seen.append(launches.height)
        return number(launches)

    monkeypatch.setattr(attribution, "_number_calls", counting)
    return seen


def test_the_reports_of_a_capture_are_attributed_once_each(data: Path, frames: list[int]) -> None:
    reports = len(list((data / "h100-fp8/ncu").rglob("*.ncu-rep")))
    assert reports > 1
    report = analyze_files(AnalyzeRequest([data / "h100-fp8"]))
    assert len(frames) == reports
    assert sum(frames) == 2 * len(report.kernels)  # two reports hold each launch


def test_single_reports_are_attributed_once_each(data: Path, frames: list[int]) -> None:
    paths = [data / "h100-calibration-cold.ncu-rep", data / "kinds/range-nvtx.ncu-rep"]
    report = analyze_files(AnalyzeRequest(paths))
    assert len(frames) == 2
    assert sum(frames) == len(report.kernels)
