"""Reports of others: rows for every launch, in every output, whatever GPU and whichever counters."""

from pathlib import Path

import pytest
from wild_reports import each_wild_report

from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.outputs.registry import analysis_outputs, write_folder
from roofprof.reports.plots.levels import draw_levels


@each_wild_report
def test_every_launch_has_a_row(wild: Path) -> None:
    report = analyze_files(AnalyzeRequest([wild]))
    assert report.ops
    assert set(report.kernels["op"]) == {op.op for op in report.ops}
    assert sum(op.calls * (op.kind == "kernel") for op in report.ops) == report.unattributed.launch_count
    assert len(analyze_files(AnalyzeRequest([wild], by="launch")).ops) == report.kernels.height


@pytest.mark.slow
@each_wild_report
def test_every_output_is_written(wild: Path, tmp_path: Path) -> None:
    for gpu in ("gb200", "same"):
        report = analyze_files(AnalyzeRequest([wild], gpu))
        assert write_folder(analysis_outputs(), [report], tmp_path / gpu)
        assert draw_levels(report)
