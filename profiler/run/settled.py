"""What the trace of a workload, which is made first, has shown: whether it opens a region, and has graphs."""

from collections.abc import Mapping, Sequence

from roofprof.files import Json
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.record import RunRecord
from roofprof.profiler.run.region import Region, opens_region

NO_REGION = "the workload never calls cudaProfilerStart: it was profiled from its first kernel on"


def region_facts(earlier: Sequence[RunRecord]) -> Mapping[str, Json]:
    """What the trace says of the workload; empty where there is none."""
    return next((r.kept.facts for r in earlier if r.file and r.kept.facts.get("profiler_regions") is not None), {})


def settled_region(options: CaptureOptions, earlier: Sequence[RunRecord] = ()) -> Region:
    """The region of another workload: as asked for, else as the trace shows, else as its words and scripts hint."""
    asked = options.wanted_region()
    if asked.kind != "auto":
        return asked
    used = next((r.job.facts["region"] for r in earlier if r.file and r.job.facts.get("region")), None)
    if used is not None:
        return Region("api" if used == "api" else "all")
    # A trace that shows no such call may have lost it, where the command speaks of one; ncu tells then.
    opened = region_facts(earlier).get("profiler_regions") or opens_region(options.command)
    return Region("api" if opened else "all")
