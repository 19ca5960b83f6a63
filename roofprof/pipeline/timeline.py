"""From nsys traces to their timelines, with the rows that were asked for."""

from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import UsageError
from roofprof.formulas.ops_file import OpsConfig, load_ops_config
from roofprof.options import name_filter
from roofprof.pipeline.traces import named_traces
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.op_names import Layers
from roofprof.timeline.shown.document import RankedTimeline
from roofprof.timeline.shown.ranking import By, Wanted, rank, ranked_rows, renamed
from roofprof.timeline.streamed.source import StreamedTrace
from roofprof.timeline.streamed.timeline import stream_timeline
from roofprof.timeline.timeline import build_timeline

MAX_WHOLE = 12_000_000
"""Operations and API calls of a trace that is read as a whole, which takes 100 bytes of memory for each."""


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """What `roofprof timeline` was asked for. None: the option was not given."""

    source: Path
    """A capture, of one GPU or over ranks, or a trace."""
    domain: str | None = None
    ops: str | None = None
    """An ops file, or the name of a bundled one."""
    only: str | None = None
    by: By = "op"
    sort: str = "time"
    top: int | None = None
    layers: Layers = "folded"
    max_whole: int = MAX_WHOLE
    """Operations and API calls up to which a trace is read as a whole; larger ones are read in parts."""
    read_only: bool = False
    """Start no exporter and write no temporary file: an .nsys-rep and what must be read in parts are refused."""


def read_timelines(request: TimelineRequest) -> list[RankedTimeline]:
    """The timeline of each trace; one trace is in memory at a time, and of a large one a part.

    Raises:
        RoofprofError: a trace that cannot be read, or an option that cannot be applied.
    """
    # Not at the top: most commands read no trace.
    from roofprof.parsers.nsys.trace import open_nsys_trace
    from roofprof.profiler.nsys.export import exported

    config = load_ops_config(request.ops) if request.ops else None
    wanted = Wanted(request.by, name_filter(request.only), request.sort, request.top)
    lines = []
    for name, path in named_traces(request.source):
        exporter = None if request.read_only else exported
        with open_nsys_trace(path, exporter, request.max_whole, in_parts=not request.read_only) as trace:
            lines.append(_ranked(name, trace, request, wanted, config))
    return lines


def _ranked(
    name: str, trace: NsysTrace | StreamedTrace, request: TimelineRequest, wanted: Wanted, config: OpsConfig | None
) -> RankedTimeline:
    """One trace's timeline, in which an ops file has named the ops."""
    if isinstance(trace, NsysTrace):
        line = build_timeline(trace, request.domain, request.layers)
        line = line if config is None else renamed(line, config)
        return RankedTimeline(name, line, ranked_rows(trace, line, wanted))
    if wanted.by == "launch":
        raise UsageError(
            f"--by launch: {name} has {trace.operation_count} GPU operations, too many to list one by one",
            "use --by kernel, or trace for a shorter time",
        )
    outside_only = wanted.by == "op"
    line, kernels = stream_timeline(trace, request.domain, request.layers, outside_only)
    line = line if config is None else renamed(line, config)
    return RankedTimeline(name, line, rank([*line.ops, *kernels] if outside_only else kernels, line, wanted))
