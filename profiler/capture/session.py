"""Captures a workload into a directory: an ncu process for each planned run, then nsys, scrubbed before it is kept."""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from roofprof.errors import ReportError, RoofprofError
from roofprof.profiler.capture.jobs import planned_jobs, planned_traces
from roofprof.profiler.capture.manifest import build_manifest, overall_state
from roofprof.profiler.capture.options import CaptureOptions
from roofprof.profiler.ncu.command import explain
from roofprof.profiler.ncu.job import Job
from roofprof.profiler.ncu.plan import MetricPlan, metric_plan, table_of_capability
from roofprof.profiler.ncu.record import RunRecord
from roofprof.profiler.ncu.scrub import cut_to_whole, scrub_report
from roofprof.profiler.ncu.slim import slim_report
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.nsys.command import nsys_tool
from roofprof.profiler.nsys.record import NsysRecord
from roofprof.profiler.nsys.runs import NsysJob, run_trace
from roofprof.profiler.nsys.watch import NsysWatch
from roofprof.profiler.run.directory import CaptureDirectory, check_directory, claim_directory
from roofprof.profiler.run.gpu import PERMISSION_HINT, Gpu, counters_permitted, need_gpu
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.secrets import Secrets, collect_secrets
from roofprof.profiler.run.state import State
from roofprof.profiler.run.tools import Tool, need_ncu
from roofprof.profiler.run.watch import ProgressCallback


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What a capture left behind."""

    path: Path
    state: State
    runs: tuple[RunRecord, ...]
    traces: tuple[NsysRecord, ...]
    notes: tuple[str, ...]


def capture(options: CaptureOptions, progress: ProgressCallback | None = None) -> CaptureResult:
    """Capture into `options.output`. A run that breaks off leaves what it has, marked partial.

    Raises:
        UsageError: an option is wrong, or the directory is in use; nothing was launched.
        RoofprofError: no GPU, no ncu or no permission, and nothing was launched; or no run gave a report.
    """
    options.check()
    gpu, tool = need_gpu(), need_ncu()
    if counters_permitted() is False:
        raise RoofprofError("this user may not read the GPU's performance counters", PERMISSION_HINT)
    plan = metric_plan(options, table_of_capability(gpu.compute_capability))
    nsys = nsys_tool() if options.nsys else None
    if options.nsys and nsys is None:
        plan = replace(plan, notes=(*plan.notes, "nsys was not found: no timeline"))
    secrets = collect_secrets(options.free_text())
    check_directory(options.output, options.force)
    directory = claim_directory(options.output, options.force)
    session = _Session(options, plan, gpu, tool, nsys, secrets, directory, progress)
    try:
        # What was done before an interruption between two runs stands in the manifest already.
        with _ending_signals(), contextlib.suppress(KeyboardInterrupt):
            session.run_all()
        return session.result()
    finally:
        directory.discard()


@dataclass(slots=True)
class _Session:
    """The state of one capture."""

    options: CaptureOptions
    plan: MetricPlan
    gpu: Gpu
    tool: Tool
    nsys: Tool | None
    secrets: Secrets
    directory: CaptureDirectory
    progress: ProgressCallback | None
    records: list[RunRecord] = field(default_factory=list)
    traces: list[NsysRecord] = field(default_factory=list)
    harness: dict[str, dict[str, Any]] = field(default_factory=dict)
    launches: dict[str, int] = field(default_factory=dict)
    """Launches by phase, from the runs so far."""
    planned: int = 0

    def run_all(self) -> None:
        """Run what is planned, up to the first problem that the next run would have too."""
        jobs = planned_jobs(self.options, self.plan, self.tool.path, self.directory.path)
        traces = planned_traces(self.options, self.nsys.path, self.directory.path) if self.nsys else []
        self.planned = len(jobs) + len(traces)
        for number, job in enumerate(jobs, 1):
            problem = self._run(job, number)
            if problem and problem.fatal:
                return
        if not any(record.report for record in self.records):
            return
        for number, trace in enumerate(traces, len(jobs) + 1):
            problem = self._trace(trace, number)
            if problem and problem.fatal:
                return

    def result(self) -> CaptureResult:
        """The end of the capture.

        Raises:
            RoofprofError: nothing usable came.
        """
        state = overall_state(self.records, self.traces, self.planned)
        if not self.records:
            raise RoofprofError("interrupted before anything was captured")
        if state == "failed":
            last = self.records[-1]
            raise RoofprofError(f"nothing was captured: {last.cause}", last.hint)
        return CaptureResult(self.directory.path, state, tuple(self.records), tuple(self.traces), self.plan.notes)

    def _run(self, job: Job, number: int) -> Problem | None:
        layer = job.phase != "workload"
        watch = NcuWatch(
            f"{job.phase} {job.run.name} {job.run.cache}", number, self.planned, self.progress,
            job.raw(".progress") if layer else None, self.options.timeout_s, self.launches.get(job.phase),
        )  # fmt: skip
        outcome = run_profiler(job.command, job.raw(".log"), watch)
        with _uninterrupted():
            if outcome.ending is Ending.DISK_FULL:
                self.directory.free_reserve()
            problem = explain(outcome, watch)
            try:
                problem = self._keep(job, watch, problem, outcome.wall_s)
            except OSError as error:
                self.directory.free_reserve()
                problem = Problem(f"cannot write the capture: {error.strerror}", "free some space", fatal=True)
                self._record(job, watch, problem, None, 0, outcome.wall_s)
        return problem

    def _trace(self, job: NsysJob, number: int) -> Problem | None:
        assert self.nsys is not None
        watch = NsysWatch(
            f"{job.phase} nsys {job.name}", number, self.planned, self.progress,
            job.raw(".progress") if job.layer else None, self.options.timeout_s,
        )  # fmt: skip
        record, problem = run_trace(job, self.nsys, watch, self.secrets, self.directory, self.options.keep_nsys_rep)
        with _uninterrupted():
            self.traces.append(record)
            self._write_manifest()
        return problem

    def _keep(self, job: Job, watch: NcuWatch, problem: Problem | None, wall_s: float) -> Problem | None:
        """Scrub what a run left, move it to its place, and write it down."""
        report, count, problem = self._keep_report(job, watch, problem)
        self._keep_log(job, watch)
        if job.phase != "workload":
            self._keep_harness(job)
        if report:
            self.launches.setdefault(job.phase, count)
        self._record(job, watch, problem, report, count, wall_s)
        return problem

    def _record(
        self,
        job: Job,
        watch: NcuWatch,
        problem: Problem | None,
        report: str | None,
        count: int,
        wall_s: float,
    ) -> None:
        """Note a run, and write the manifest: a capture that is killed then leaves one of what it had."""
        state: State = "failed" if report is None else "partial" if problem else "complete"
        cause, hint = (problem.message, problem.hint) if problem else (None, None)
        passes = tuple(sorted(set(watch.passes)))
        record = RunRecord(job.phase, job.run, job.ncu_args, state, report, cause, hint, count, passes, wall_s)
        self.records.append(record)
        self._write_manifest()

    def _write_manifest(self) -> None:
        tools = {"ncu": self.tool.version, "nsys": self.nsys.version if self.nsys else None}
        state = overall_state(self.records, self.traces, self.planned)
        manifest = build_manifest(
            self.options, self.plan, self.gpu, tools, self.records, self.traces, self.harness, state, self.secrets
        )
        self.directory.write_manifest(manifest)

    def _keep_report(
        self, job: Job, watch: NcuWatch, problem: Problem | None
    ) -> tuple[str | None, int, Problem | None]:
        """Scrub and slim the report and move it to its place; a damaged one is cut to what is whole of it."""
        raw = job.raw(".ncu-rep")
        if not raw.exists():
            return None, 0, problem or Problem("ncu left no report", "see the log", fatal=True)
        try:
            if cut_to_whole(raw):
                problem = problem or Problem("the report was cut off; its last launches are missing")
            count = scrub_report(raw, self.secrets)
            slim_report(raw)
        except ReportError as error:
            raw.unlink()
            return None, 0, problem or Problem(error.message, error.hint or "see the log", fatal=True)
        if count < len(watch.passes):
            problem = problem or Problem(f"the report holds {count} of {len(watch.passes)} launches")
        name = f"ncu/{job.stem}.ncu-rep"
        self.directory.keep(raw, name)
        return name, count, problem

    def _keep_log(self, job: Job, watch: NcuWatch) -> None:
        """Keep ncu's lines and our own harness's; what another workload prints is not ours to keep."""
        lines = list(watch.messages)
        if job.phase != "workload":
            lines += ["", "-- harness --", watch.output]
        self.directory.keep_text(self.secrets.scrub_text("\n".join(lines)) + "\n", f"logs/{job.stem}.txt")

    def _keep_harness(self, job: Job) -> None:
        try:
            data = json.loads(job.raw(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        data = self.secrets.scrub_data(data)
        self.directory.keep_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", f"harness/{job.stem}.json")
        if isinstance(data, dict):
            self.harness.setdefault(job.phase, data)


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Let a termination or a closed terminal end the children as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals back for the moment that it takes to scrub and to move a file."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)
