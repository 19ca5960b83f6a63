"""From nsys traces to their timelines, with the rows that were asked for."""

from dataclasses import dataclass
from pathlib import Path

from roofprof.files import plain_name
from roofprof.formats.capture import find_traces
from roofprof.formulas.ops_file import load_ops_config
from roofprof.pipeline.analyze import name_filter
from roofprof.pipeline.capture_group import read_trace
from roofprof.timeline.shown.document import RankedTimeline
from roofprof.timeline.shown.ranking import By, Wanted, ranked_rows, renamed
from roofprof.timeline.timeline import build_timeline


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """What `roofprof timeline` was asked for. None: the option was not given."""

    source: Path
    """A capture, or a trace."""
    domain: str | None = None
    ops: str | None = None
    """An ops file, or the name of a bundled one."""
    only: str | None = None
    by: By = "op"
    sort: str = "time"
    top: int | None = None


def read_timelines(request: TimelineRequest) -> list[RankedTimeline]:
    """The timeline of each trace; one trace is in memory at a time.

    Raises:
        RoofprofError: a trace that cannot be read, or an option that cannot be applied.
    """
    config = load_ops_config(request.ops) if request.ops else None
    wanted = Wanted(request.by, name_filter(request.only), request.sort, request.top)
    lines = []
    for path in find_traces(request.source):
        trace = read_trace(path).trace
        line = build_timeline(trace, request.domain)
        if config is not None:
            line = renamed(line, config)
        lines.append(RankedTimeline(plain_name(path.name), line, ranked_rows(trace, line, wanted)))
    return lines
