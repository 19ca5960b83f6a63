"""From traces, and the counters of a capture, to what Perfetto shows."""

import os
from pathlib import Path

from roofprof.formats.manifest import MANIFEST
from roofprof.formulas.ops_file import load_ops_config
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.pipeline.capture_group import read_trace
from roofprof.pipeline.traces import named_traces
from roofprof.reports.perfetto import Traced, write_perfetto
from roofprof.results.op import OpResult
from roofprof.timeline.shown.ranking import renamed
from roofprof.timeline.timeline import build_timeline


def export_perfetto(source: Path, output: Path, domain: str | None = None, ops: str | None = None) -> Path:
    """Write a trace, or those of a capture with the counters of its ops.

    Args:
        source: a capture, or a trace.
        output: of the JSON file.
        domain: NVTX domain of the ops.
        ops: an ops file, or the name of a bundled one.

    Raises:
        RoofprofError: a file cannot be read or written.
    """
    config = load_ops_config(ops) if ops else None
    rows: list[OpResult] = []
    if os.path.isfile(source / MANIFEST):  # Path.is_file raises where a name is too long
        rows = analyze_files(AnalyzeRequest([source], domain=domain, ops=ops)).ops
    traces = []
    for name, path in named_traces(source):
        trace = read_trace(path).trace
        line = build_timeline(trace, domain)
        work = {line.key_of(op.nvtx_path): op for op in rows if op.nvtx_path}
        traces.append(Traced(name, trace, renamed(line, config) if config else line, work))
    return write_perfetto(output, traces)
