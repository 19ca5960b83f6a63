"""Nsight Systems in a capture: the timeline that ncu, one kernel at a time, cannot show."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from roofprof.files import Json
from roofprof.formulas.layer import Phase
from roofprof.profiler.nsys.command import nsys_command, nsys_tool
from roofprof.profiler.nsys.export import keep_scrubbed
from roofprof.profiler.nsys.failures import explain_nsys
from roofprof.profiler.nsys.window import Cut
from roofprof.profiler.run.backend import Backend, Keeper, PlannedJobs, Setting
from roofprof.profiler.run.job import WORKLOAD, Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.runner import Ending, Outcome
from roofprof.profiler.run.tools import Tool
from roofprof.profiler.run.watch import RunWatch, harness_done


class Nsys(Backend[RunWatch]):
    """nsys: each phase as the process launches it, and decode replayed by the harness as a CUDA graph too."""

    name, section, file_key = "nsys", "nsys", "trace"
    blank: Mapping[str, Json] = MappingProxyType(
        {"gpu_operations": None, "gpu_operations_left_out": None, "nsys_version": None}
    )

    def wanted(self, options: CaptureOptions) -> bool:
        """Unless --no-nsys, or --runs without it."""
        return options.nsys and (not options.runs or "nsys" in options.runs)

    def find(self) -> Tool | None:
        """nsys and its version."""
        return nsys_tool()

    def admit(self, tool: Tool | None) -> str | None:
        """A note where there is no nsys: the capture goes on without it."""
        return None if tool else "nsys was not found: no timeline"

    def jobs(self, setting: Setting) -> PlannedJobs:
        """Every process in order; another workload is traced once, whole, and its trace cut to the region."""
        options = setting.options
        if options.command:
            return PlannedJobs((_job(setting, WORKLOAD, "eager", options.command),))
        jobs = []
        for phase in options.wanted_phases():
            for name in ("eager", "graph") if phase == "decode" and options.graph else ("eager",):
                jobs.append(_layer_job(setting, phase, name))
        return PlannedJobs(tuple(jobs))

    def explain(self, job: Job, outcome: Outcome, watch: RunWatch) -> Problem | None:
        """See `failures.explain_nsys`."""
        done = not job.layer or harness_done(job.raw(".progress"))
        problem = explain_nsys(outcome, watch.output, job.raw(".nsys-rep"), done)
        # Another workload that fails comes first: without the trace it would fail under ncu, a start later.
        failed = not job.layer and outcome.ending is Ending.FINISHED and outcome.returncode and problem
        return replace(problem, fatal_if_empty=True) if failed and problem and not problem.code else problem

    def keep(self, job: Job, watch: RunWatch, keeper: Keeper) -> KeptFile:
        """Export, scrub, and keep what holds any GPU work.

        Raises:
            RoofprofError, OSError: it cannot be exported or written.
        """
        report, trace = job.raw(".nsys-rep"), job.raw(".sqlite")
        facts = {"nsys_version": keeper.tool.version}
        if not report.exists():
            return KeptFile(facts=facts)
        watch.say("exporting")
        within = Cut("layers", f"{job.phase}:case:*") if job.layer else partial(_region, keeper.options)
        keep_report, clean = keeper.options.keep_nsys_rep, keeper.secrets.scrub_name
        found = keep_scrubbed(
            Path(keeper.tool.path), report, trace, keep_report=keep_report, within=within, clean=clean
        )
        name = f"nsys/{job.stem}.sqlite" if found.operations else None
        if name:
            keeper.directory.keep(trace, name)
        if keep_report:
            report.chmod(0o600)
            keeper.directory.keep(report, f"nsys/{report.name}")
        problem = None if name else Problem("the trace holds no GPU work", "see the log")
        counts: dict[str, Json] = {"gpu_operations": found.operations, "gpu_operations_left_out": found.left_out}
        if not job.layer:
            counts |= {"profiler_regions": found.profiler_regions, "graph_launches": found.graph_launches}
            counts["kernel_launches"] = found.kernels
            known = watch.process_id is not None and found.processes
            counts["own_process"] = found.processes == {watch.process_id} if known else None
        return KeptFile(name, problem, {**counts, **facts})

    def summary(self, record: RunRecord) -> str:
        """Operations in the trace."""
        return "no trace" if record.file is None else f"{record.kept.facts['gpu_operations']} GPU operations"


def _region(options: CaptureOptions, regions: int | None) -> Cut:
    """The part of another workload's trace that ncu profiles too, so that ordinals mean the same calls."""
    asked = options.wanted_region()
    if asked.kind == "nvtx":
        return Cut("nvtx", asked.name, options.skip, options.count, options.warmup)
    api = asked.kind == "api" or (asked.kind == "auto" and bool(regions))
    return Cut("api" if api else "all", None, options.skip, options.count, options.warmup)


def _layer_job(setting: Setting, phase: Phase, name: str) -> Job:
    progress = setting.work / f"{phase}-{name}.progress"
    workload = setting.options.traced_command(phase, progress, name == "graph")
    return _job(setting, phase, name, workload, setting.options.traced_repeats)


def _job(
    setting: Setting, phase: str, name: str, workload: list[str] | tuple[str, ...], repeats: int | None = None
) -> Job:
    """Tracing of the layer is confined to its region; another workload is traced whole, to find its region out."""
    raw = setting.work / f"{phase}-{name}"
    command = nsys_command(Path(setting.program), raw, workload, capture_range=repeats is not None)
    heading = f"{phase}, nsys, {name}" + (f": {repeats} repeats" if repeats else "")
    words = tuple(workload) if phase == WORKLOAD else ()
    return Job(phase, name, f"{phase} nsys {name}", tuple(command), raw, {"repeats": repeats}, heading, workload=words)


BACKEND = Nsys()
