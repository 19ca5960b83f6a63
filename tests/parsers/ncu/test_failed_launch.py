"""A launch that ncu could not profile: its counters are there, and hold no number."""

import math
import struct
from pathlib import Path

from roofprof.formats.ncu_rep import blocks
from roofprof.formats.ncu_rep_results import Texts, metric_value, read_head, read_metrics
from roofprof.formats.ncu_rep_session import string_table
from roofprof.parsers.ncu.report import read_ncu_report
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files

MEASURED = ("gpu__", "dram__", "sm__", "smsp__", "lts__", "l1tex__", "gpc__", "gpu__")


def without_numbers(content: bytes, launch: int) -> bytes:
    """The report with NaN for every measured value of a launch."""
    changed = bytearray(content)
    texts = Texts(content)
    names = string_table(content, blocks(content), texts)
    _, start, end = [result for block in blocks(content) for result in block.results][launch]
    head = read_head(content, "kernel", (start, end), texts)
    for place, span in read_metrics(content, "kernel", head, end):
        value = metric_value(content, span, texts)
        if names[place].startswith(MEASURED) and isinstance(value, float):
            at = content.find(struct.pack("<d", value), *span)
            changed[at : at + 8] = struct.pack("<d", math.nan)
    return bytes(changed)


def test_it_is_named_and_hides_no_sum(data: Path, tmp_path: Path) -> None:
    whole = (data / "kinds/no-nvtx.ncu-rep").read_bytes()
    path = tmp_path / "failed.ncu-rep"
    path.write_bytes(without_numbers(whole, 3))
    launches = read_ncu_report(path).launches
    assert launches["duration_ns"].is_null().to_list() == [place == 3 for place in range(9)]
    report = analyze_files(AnalyzeRequest([path], "same", None, None))
    (finding,) = [f for f in report.findings if f.kind == "profiling-failed"]
    assert finding.launch_id == 3
    assert launches["kernel_name"][3] in finding.message
    assert report.unattributed.duration_ns == launches["duration_ns"].sum()
    assert report.unattributed.launch_count == 9
