"""Nsight Compute in a capture: hardware counters of each kernel launch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import Json
from roofprof.formatting import quantity
from roofprof.profiler.ncu.command import Scope, can_sample, ncu_command, ncu_options
from roofprof.profiler.ncu.failures import DRIVER, NOTHING, REFUSED, explain_ncu
from roofprof.profiler.ncu.plan import PlannedRun, metric_plan, table_of_chip
from roofprof.profiler.ncu.scope import given_options, is_sliced, names_in, past_the_driver, scope_of
from roofprof.profiler.ncu.scrub import cut_to_whole, scrub_report
from roofprof.profiler.ncu.second_look import second_look, unseen
from roofprof.profiler.ncu.slim import slim_report
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.backend import Backend, Keeper, NotNeeded, PlannedJobs, Retry, Setting, Turn, watch_as
from roofprof.profiler.run.gpu import PERMISSION_HINT, counters_permitted
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import SURVIVORS, Problem
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.region import Region
from roofprof.profiler.run.runner import Outcome
from roofprof.profiler.run.settled import NO_REGION, region_facts
from roofprof.profiler.run.signals import uninterrupted
from roofprof.profiler.run.tools import Tool, find_ncu


class Ncu(Backend[NcuWatch]):
    """ncu: one process for each phase, cache mode and set of counters."""

    name, section, file_key, required = "ncu", "runs", "report", True
    blank: Mapping[str, Json] = MappingProxyType({"passes": (), "launches": 0, "startup_s": None})

    def find(self) -> Tool | None:
        """Nsight Compute's command line."""
        return find_ncu()

    def admit(self, tool: Tool | None) -> str | None:
        """None; ncu is never left out.

        Raises:
            RoofprofError: there is no ncu, or this user may not read counters.
        """
        if tool is None:
            hint = "install Nsight Compute (apt package nsight-compute) or put ncu on PATH"
            raise RoofprofError("ncu was not found", hint)
        if counters_permitted() is False:
            raise RoofprofError("this user may not read the GPU's performance counters", PERMISSION_HINT)
        return None

    def jobs(self, setting: Setting) -> PlannedJobs:
        """The runs of the metric plan, for each phase.

        Raises:
            UsageError: --groups names no counters of this chip.
        """
        plan = metric_plan(setting.options, table_of_chip(setting.chip))
        phases = setting.options.captured_phases
        scope = scope_of(setting)
        # On several ranks no second look: what a rank profiles must not follow from what it alone has seen.
        runs = [run for run in plan.runs if run.look in (None, "communication") or setting.options.ranks == 1]
        return PlannedJobs(tuple(_job(setting, phase, run, scope) for phase in phases for run in runs), plan.notes)

    def settled(self, job: Job, setting: Setting, earlier: Sequence[RunRecord]) -> Job | NotNeeded:
        """The run in the region that the trace shows; a second look at the kernels that need it, or none."""
        if job.layer:
            return job
        chip, scope = table_of_chip(setting.chip), scope_of(setting, earlier)
        run = _planned(job, setting)
        if scope.graphs_whole and run.name != "core":
            return NotNeeded("ncu counts it by kernel, and graphs were profiled whole")
        if run.look is None:
            return _job(setting, job.phase, run, scope)
        found = second_look(run, chip, setting, [r for r in earlier if r.backend is self and r.file])
        if isinstance(found, NotNeeded):
            return found
        run, kernels = found
        if is_sliced(setting.options):  # a filter by name would count another slice: ordinals would pair other launches
            return _job(setting, job.phase, run, scope)
        # In its mode for samples ncu passes over nodes of graphs: 20 of the 70 that torch.compile replayed.
        graphs = region_facts(earlier).get("graph_launches")
        sample = run.look == "instructions" and can_sample(kernels) and not graphs
        return _job(setting, job.phase, run, replace(scope, kernels=kernels, sample=sample))

    def again(self, job: Job, setting: Setting, record: RunRecord, earlier: Sequence[RunRecord]) -> Retry | None:
        """Past a node at which the driver failed; every launch where a region or a sample misses some."""
        code = record.problem.code if record.problem else ""
        if job.layer or not (code or job.facts.get("sample")):
            return None
        scope = scope_of(setting, earlier)
        run = _planned(job, setting)
        if job.facts.get("sample"):
            ended = record.problem is None or code in (NOTHING, REFUSED, SURVIVORS)
            missed = unseen(record, setting, earlier) if ended else []
            why = f"{', '.join(missed[:3])} missing from ncu's sample: every launch was profiled"
            whole = replace(scope, kernels=names_in(job, "kernels"))
            return Retry(_job(setting, job.phase, run, whole), why) if missed else None
        if code == DRIVER and job.name == "core" and not scope.graphs_whole and _has_graphs(setting.options, earlier):
            scope, why = past_the_driver(scope, setting, record)
            return Retry(_job(setting, job.phase, run, scope), why)
        if code == NOTHING and scope.own_process:
            why = "ncu saw no kernel in the process that the command starts: every process was profiled"
            return Retry(_job(setting, job.phase, run, replace(scope, own_process=False)), why)
        auto = setting.options.wanted_region().kind == "auto"
        hinted = auto and not region_facts(earlier).get("profiler_regions")
        if code == NOTHING and hinted and scope.region.kind == "api":
            return Retry(_job(setting, job.phase, run, replace(scope, region=Region("all"))), NO_REGION)
        return None

    def watch(self, job: Job, turn: Turn) -> NcuWatch:
        """Counts launches and passes; an earlier run of the phase says how many there will be."""
        watch = watch_as(NcuWatch, job, turn)
        if job.facts.get("look"):  # at some of the launches
            return watch
        way = job.facts.get("graph_profiling")
        whole = [r for r in turn.earlier if r.backend is self and r.job.phase == job.phase and r.file and not r.problem]
        # Of graphs as nodes there are other launches than of whole graphs.
        same = [r for r in whole if r.job.facts.get("graph_profiling") == way and not r.job.facts.get("look")]
        counts = [r.kept.facts.get("launches") for r in same]
        if way == "node":
            counts.append(region_facts(turn.earlier).get("kernel_launches"))
        watch.launch_total = next((count for count in counts if isinstance(count, int)), None)
        return watch

    def explain(self, job: Job, outcome: Outcome, watch: NcuWatch) -> Problem | None:
        """See `failures.explain_ncu`."""
        return explain_ncu(outcome, watch)

    def keep(self, job: Job, watch: NcuWatch, keeper: Keeper) -> KeptFile:
        """Scrub and slim the report and move it to its place; a damaged one is cut to what is whole of it."""
        raw, passes = job.raw(".ncu-rep"), sorted(set(watch.passes))
        startup_s = None if watch.startup_s is None else round(watch.startup_s, 3)
        facts: dict[str, Json] = {"passes": passes, "startup_s": startup_s}
        if not raw.exists():
            return KeptFile(None, Problem("ncu left no report", "see the log", fatal=True), facts)
        problem = None
        with uninterrupted():
            try:
                if cut_to_whole(raw):
                    problem = Problem("the report was cut off; its last launches are missing")
                slim_report(raw)
                count = scrub_report(raw, keeper.secrets)
            except ReportError as error:
                raw.unlink()
                return KeptFile(None, Problem(error.message, error.hint or "see the log", fatal=True), facts)
            if count < len(watch.passes):
                problem = problem or Problem(f"the report holds {count} of {len(watch.passes)} launches")
            name = f"ncu/{job.stem}.ncu-rep"
            keeper.directory.keep(raw, name)
        return KeptFile(name, problem, {**facts, "launches": count})

    def summary(self, record: RunRecord) -> str:
        """Launches and passes."""
        facts = record.kept.facts
        found = facts.get("passes")
        passes = "/".join(map(str, found)) if isinstance(found, list) else ""
        startup_s = facts.get("startup_s")
        paid = f", the first after {startup_s:.1f} s" if isinstance(startup_s, float) and startup_s >= 1 else ""
        return f"{facts.get('launches', 0)} launches, {passes or '?'} pass{'es' if passes != '1' else ''}{paid}"

    def total(self, jobs: tuple[Job, ...]) -> str:
        """The runs, and their passes where all are known."""
        passes = [job.facts["expected_passes"] for job in jobs if job.phase == jobs[0].phase]
        known = [count for count in passes if isinstance(count, int)]
        every = f", {quantity(sum(known), 'pass', 'passes')} per kernel in all" if len(known) == len(passes) else ""
        if looks := sum(job.facts.get("look") in ("instructions", "precisions") for job in jobs):
            every += f", {looks} of them only where earlier ones leave tensor work open"
        return f"{len(jobs)} ncu run{'s' if len(jobs) != 1 else ''}{every}"


def _has_graphs(options: CaptureOptions, earlier: Sequence[RunRecord]) -> bool:
    """Unless the trace says that there are none, or the user has chosen how graphs are profiled."""
    return "--graph-profiling" not in given_options(options) and region_facts(earlier).get("graph_launches") != 0


def _planned(job: Job, setting: Setting) -> PlannedRun:
    """The run of the plan that a job is of."""
    runs = metric_plan(setting.options, table_of_chip(setting.chip)).runs
    return next(run for run in runs if (run.name, run.cache) == (job.name, job.facts["cache"]))


def _job(setting: Setting, phase: str, run: PlannedRun, scope: Scope) -> Job:
    options = setting.options
    work = setting.work / f"{phase}-{run.name}-{run.cache}{'-graphs' if scope.graphs_whole else ''}"
    given = given_options(options)
    own = ncu_options(run, scope, [name for name in given if name != "--metrics"])
    sides = work.with_name(work.name + ".json"), work.with_name(work.name + ".progress")
    workload = options.command or options.harness_command(phase, *sides)
    output = work.with_name(work.name + ".ncu-rep")
    passes = run.expected_passes
    count = "passes unknown" if passes is None else f"{passes} pass{'es' if passes > 1 else ''}"
    more: dict[str, Json] = {}
    if options.command:
        more = {"region": str(scope.region), "own_process": scope.own_process, "left_out": list(scope.left_out)}
    more |= {"kernels": list(scope.kernels) or None, "look": run.look, "sample": scope.sample} if run.look else {}
    when = f"\n{_LOOKS[run.look]}" if run.look and not scope.kernels else ""
    return Job(
        phase,
        run.name,
        f"{phase} {run.name} {run.cache}",
        tuple(ncu_command(setting.program, [*own, *options.ncu_args], output, workload)),
        work,
        facts={
            "cache": run.cache, "groups": list(run.groups), "metrics": list(run.metrics), "expected_passes": passes,
            "ncu_args": [*own, *given], "graph_profiling": "graph" if scope.graphs_whole else "node", **more,
        },
        heading=f"{phase}, {run.cache} cache, {run.name}: {count} per kernel{when}",
        details=(f"groups: {', '.join(run.groups)}", *(f"  {metric}" for metric in run.metrics)),
        merge=f"{phase}-{run.cache}",
    )  # fmt: skip


_LOOKS = {
    "communication": "only kernels of NCCL",
    "instructions": "only kernels without counted tensor work: did they run matrix instructions?",
    "precisions": "only kernels that ran matrix instructions which no counted precision explains",
}


BACKEND = Ncu()
