"""Which launches of another workload an ncu run profiles, by the options and by what earlier runs show."""

from collections.abc import Sequence
from dataclasses import replace

from roofprof.profiler.ncu.command import Scope
from roofprof.profiler.ncu.look import read_launches
from roofprof.profiler.run.backend import Setting
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.record import RunRecord
from roofprof.profiler.run.region import Region
from roofprof.profiler.run.settled import region_facts, settled_region

MOST_LEFT_OUT = 2
"""Kernels that are left out before graphs are profiled whole: each is a start of the workload."""

_LONG = {"-k": "--kernel-name", "-s": "--launch-skip", "-c": "--launch-count"}
_SLICES = frozenset(
    ("--launch-skip", "--launch-count", "--kernel-name", "--kernel-id", "--kernel-name-base", "--filter-mode")
)


def scope_of(setting: Setting, earlier: Sequence[RunRecord] = ()) -> Scope:
    """What every run of another workload profiles, as far as earlier runs show it."""
    options = setting.options
    if not options.command:
        return Scope(Region("api"))
    whole = any(r.job.facts.get("graph_profiling") == "graph" and r.file for r in earlier)
    region = settled_region(options, earlier)
    # ncu follows every process that it may profile: each launch waits for it, as long as there are others.
    own = region_facts(earlier).get("own_process") is True and not any(_of_all(r) for r in earlier)
    left_out = () if whole else next((names for r in reversed(earlier) if (names := names_in(r.job, "left_out"))), ())
    part = Scope(region, options.warmup, options.skip, options.count)
    return replace(part, graphs_whole=whole, own_process=own, left_out=left_out)


def past_the_driver(scope: Scope, setting: Setting, record: RunRecord) -> tuple[Scope, str]:
    """What to profile once the driver failed at a graph's node, and why: all but the last kernel, or whole graphs.

    ncu launches a node under the limit of dynamic shared memory that its function has when it profiles, which the
    process may have lowered since the capture; the graph's other kernels can be profiled
    (docs/adr/0007-a-second-look.md).

    Args:
        scope: of the run that failed.
        setting: of the capture.
        record: of the run that failed.

    Raises:
        ReportError: its report is damaged.
    """
    failed = f"the driver failed at a graph's node after {record.kept.facts.get('launches', 0)} launches"
    if record.file and not is_sliced(setting.options) and len(scope.left_out) < MOST_LEFT_OUT:
        launches = read_launches(setting.work.parent / record.file, ())
        if launches and (last := launches[-1].function) not in scope.left_out:
            return replace(scope, left_out=(*scope.left_out, last)), f"{failed}, behind {last}: profiled without it"
    return replace(scope, graphs_whole=True, left_out=()), f"{failed}: graphs were profiled as a whole"


def names_in(job: Job, fact: str) -> tuple[str, ...]:
    """Names of kernels in a fact of a job; none where it lacks that fact."""
    names = job.facts.get(fact)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def is_sliced(options: CaptureOptions) -> bool:
    """Whether the user profiles a slice of the launches: a filter by name would count another one."""
    return bool(options.skip or options.count or _SLICES & set(given_options(options)))


def given_options(options: CaptureOptions) -> list[str]:
    """Names of the options that the user gives to ncu by hand."""
    return [_LONG.get(name := word.partition("=")[0], name) for word in options.ncu_args if word.startswith("-")]


def _of_all(record: RunRecord) -> bool:
    """Whether a run found something only in every process."""
    return bool(record.file) and record.job.facts.get("own_process") is False
