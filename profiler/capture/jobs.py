"""What a capture runs: every process of ncu and nsys in order, with its exact command line."""

from pathlib import Path

from roofprof.profiler.capture.options import CaptureOptions
from roofprof.profiler.ncu.command import ncu_command, ncu_options
from roofprof.profiler.ncu.job import Job
from roofprof.profiler.ncu.plan import MetricPlan, PassTable, metric_plan
from roofprof.profiler.nsys.command import nsys_command, nsys_tool
from roofprof.profiler.nsys.runs import NsysJob
from roofprof.profiler.run.tools import find_ncu


def planned_traces(options: CaptureOptions, nsys: str, directory: Path) -> list[NsysJob]:
    """Every nsys process of a capture in order, with its exact command line."""
    if not options.nsys:
        return []
    work = directory / ".partial"
    if options.command:
        raw = work / "workload-eager"
        command = nsys_command(Path(nsys), raw, options.command, capture_range=False)
        return [NsysJob("workload", "eager", None, tuple(command), raw)]
    jobs = []
    for phase in options.wanted_phases():
        for name in ("eager", "graph") if phase == "decode" and options.graph else ("eager",):
            raw = work / f"{phase}-{name}"
            workload = options.traced_command(phase, raw.with_name(raw.name + ".progress"), name == "graph")
            command = nsys_command(Path(nsys), raw, workload)
            jobs.append(NsysJob(phase, name, options.traced_repeats, tuple(command), raw))
    return jobs


def planned_jobs(options: CaptureOptions, plan: MetricPlan, ncu: str, directory: Path) -> list[Job]:
    """Every ncu process of a capture in order, with its exact command line."""
    jobs = []
    for phase in options.captured_phases:
        for run in plan.runs:
            work = directory / ".partial" / f"{phase}-{run.name}-{run.cache}"
            own = ncu_options(run, from_start=bool(options.command))
            given = tuple(word.partition("=")[0] for word in options.ncu_args if word.startswith("-"))
            if phase == "workload":
                workload = list(options.command)
            else:
                sides = work.with_name(work.name + ".json"), work.with_name(work.name + ".progress")
                workload = options.harness_command("decode" if phase == "decode" else "prefill", *sides)
            output = work.with_name(work.name + ".ncu-rep")
            command = ncu_command(ncu, [*own, *options.ncu_args], output, workload)
            jobs.append(Job(phase, run, tuple(command), (*own, *given), work))
    return jobs


def dry_run(options: CaptureOptions, table: PassTable) -> tuple[MetricPlan, list[Job], list[NsysJob]]:
    """What a capture would run; needs neither a GPU nor ncu nor nsys, and touches nothing.

    Raises:
        UsageError: an option is wrong.
    """
    options.check()
    plan = metric_plan(options, table)
    ncu, nsys = find_ncu(), nsys_tool()
    jobs = planned_jobs(options, plan, ncu.path if ncu else "ncu", options.output)
    return plan, jobs, planned_traces(options, nsys.path if nsys else "nsys", options.output)
