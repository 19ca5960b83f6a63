"""Nsight Compute in a capture: hardware counters of each kernel launch."""

from collections.abc import Mapping
from types import MappingProxyType

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import Json
from roofprof.profiler.ncu.command import ncu_command, ncu_options
from roofprof.profiler.ncu.failures import explain_ncu
from roofprof.profiler.ncu.plan import PlannedRun, metric_plan, table_of_chip
from roofprof.profiler.ncu.scrub import cut_to_whole, scrub_report
from roofprof.profiler.ncu.slim import slim_report
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.backend import Backend, Keeper, PlannedJobs, Setting, Turn, watch_as
from roofprof.profiler.run.gpu import PERMISSION_HINT, counters_permitted
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.runner import Outcome
from roofprof.profiler.run.signals import uninterrupted
from roofprof.profiler.run.tools import Tool, find_ncu


class Ncu(Backend[NcuWatch]):
    """ncu: one process for each phase, cache mode and set of counters."""

    name, section, file_key, required = "ncu", "runs", "report", True
    blank: Mapping[str, Json] = MappingProxyType({"passes": (), "launches": 0})

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
        return PlannedJobs(tuple(_job(setting, phase, run) for phase in phases for run in plan.runs), plan.notes)

    def watch(self, job: Job, turn: Turn) -> NcuWatch:
        """Counts launches and passes; an earlier run of the phase says how many there will be."""
        watch = watch_as(NcuWatch, job, turn)
        counts = [r.kept.facts.get("launches") for r in turn.earlier if r.job.phase == job.phase and r.file]
        watch.launch_total = next((count for count in counts if isinstance(count, int)), None)
        return watch

    def explain(self, job: Job, outcome: Outcome, watch: NcuWatch) -> Problem | None:
        """See `failures.explain_ncu`."""
        return explain_ncu(outcome, watch)

    def keep(self, job: Job, watch: NcuWatch, keeper: Keeper) -> KeptFile:
        """Scrub and slim the report and move it to its place; a damaged one is cut to what is whole of it."""
        raw, passes = job.raw(".ncu-rep"), sorted(set(watch.passes))
        facts = {"passes": passes}
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
        return KeptFile(name, problem, {"passes": passes, "launches": count})

    def summary(self, record: RunRecord) -> str:
        """Launches and passes."""
        facts = record.kept.facts
        found = facts.get("passes")
        passes = "/".join(map(str, found)) if isinstance(found, list) else ""
        return f"{facts.get('launches', 0)} launches, {passes or '?'} pass{'es' if passes != '1' else ''}"

    def total(self, jobs: tuple[Job, ...]) -> str:
        """The runs, and their passes where all are known."""
        passes = [job.facts["expected_passes"] for job in jobs if job.phase == jobs[0].phase]
        known = [count for count in passes if isinstance(count, int)]
        every = f", {sum(known)} passes per kernel in all" if len(known) == len(passes) else ""
        return f"{len(jobs)} ncu run{'s' if len(jobs) != 1 else ''}{every}"


def _job(setting: Setting, phase: str, run: PlannedRun) -> Job:
    options = setting.options
    work = setting.work / f"{phase}-{run.name}-{run.cache}"
    own = ncu_options(run, from_start=bool(options.command))
    given = tuple(word.partition("=")[0] for word in options.ncu_args if word.startswith("-"))
    sides = work.with_name(work.name + ".json"), work.with_name(work.name + ".progress")
    workload = options.command or options.harness_command(phase, *sides)
    output = work.with_name(work.name + ".ncu-rep")
    passes = run.expected_passes
    count = "passes unknown" if passes is None else f"{passes} pass{'es' if passes > 1 else ''}"
    return Job(
        phase,
        run.name,
        f"{phase} {run.name} {run.cache}",
        tuple(ncu_command(setting.program, [*own, *options.ncu_args], output, workload)),
        work,
        facts={
            "cache": run.cache, "groups": list(run.groups), "metrics": list(run.metrics), "expected_passes": passes,
            "ncu_args": [*own, *given],
        },
        heading=f"{phase}, {run.cache} cache, {run.name}: {count} per kernel",
        details=(f"groups: {', '.join(run.groups)}", *(f"  {metric}" for metric in run.metrics)),
        merge=f"{phase}-{run.cache}",
    )  # fmt: skip


BACKEND = Ncu()
