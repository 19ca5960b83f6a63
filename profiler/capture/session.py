"""Captures a workload into a directory: one profiler after the other, each process scrubbed before it is kept."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from roofprof.annotate import CAPTURE
from roofprof.errors import RoofprofError
from roofprof.files import Json
from roofprof.own_python import module_environment
from roofprof.profiler.capture.jobs import CapturePlan, Part, plan_capture
from roofprof.profiler.capture.manifest import Course, LeftOut, build_manifest, overall_state, region_notes, rows
from roofprof.profiler.ncu.plan import chip_of_gpu
from roofprof.profiler.run.backend import AnyBackend, Keeper, NotNeeded, Turn, backends
from roofprof.profiler.run.directory import CaptureDirectory, claim_directory
from roofprof.profiler.run.gpu import Gpu, need_gpu
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import INTERRUPTED, CaptureInterrupted, Problem, left_running
from roofprof.profiler.run.record import KeptFile, RunRecord
from roofprof.profiler.run.region import check_command
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.secrets import Secrets, collect_secrets
from roofprof.profiler.run.signals import ending_signals, interruptible, uninterrupted
from roofprof.profiler.run.state import State
from roofprof.profiler.run.tools import Tool
from roofprof.profiler.run.watch import ProgressCallback, RunWatch


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What a capture left behind."""

    path: Path
    state: State
    records: tuple[RunRecord, ...]
    notes: tuple[str, ...]
    interrupted: bool = False
    """Whether the user ended it."""
    not_needed: tuple[LeftOut, ...] = ()
    starts: int = 0
    """How often the workload was started."""
    wall_s: float = 0.0
    """What these took together."""

    def of(self, profiler: str) -> tuple[RunRecord, ...]:
        """The records of one profiler."""
        return tuple(record for record in self.records if record.backend.name == profiler)

    def as_dict(self) -> dict[str, Json]:
        """Plain data for JSON."""
        return {"path": str(self.path), "state": self.state, **rows(self.records)}


def capture(options: CaptureOptions, progress: ProgressCallback | None = None) -> CaptureResult:
    """Capture into `options.output`. A run that ends early leaves what it has, marked partial.

    Raises:
        UsageError: an option is wrong, or the directory is in use; nothing was launched.
        CaptureInterrupted: before anything was captured.
        RoofprofError: no GPU, no ncu or no permission, and nothing was launched; or no run gave a report.
    """
    options.check()
    check_command(options.command)
    gpu = need_gpu()
    tools, missing = wanted_tools(options)
    plan = plan_capture(options, chip_of_gpu(gpu.compute_capability, gpu.name), tools)
    plan = replace(plan, notes=(*plan.notes, *missing))
    secrets = collect_secrets(options.free_text())
    directory = claim_directory(options.output, options.force, {backend.name for backend in backends()})
    return run_plan(plan, gpu, secrets, directory, progress)


def run_plan(
    plan: CapturePlan, gpu: Gpu, secrets: Secrets, directory: CaptureDirectory, progress: ProgressCallback | None = None
) -> CaptureResult:
    """Run what is planned into a directory that is ours, and give the directory back.

    Raises:
        CaptureInterrupted: before anything was captured.
        RoofprofError: no run gave a report.
    """
    session = _Session(plan, gpu, secrets, directory, progress)
    try:
        with ending_signals():
            try:
                session.run_all()
            except KeyboardInterrupt:  # between two runs: what was done before stands in the manifest already
                session.interrupted = True
        return session.result()
    finally:
        directory.discard()


def wanted_tools(options: CaptureOptions) -> tuple[dict[str, Tool | None], list[str]]:
    """The profilers that are wanted and here, and notes on those that are not here."""
    tools: dict[str, Tool | None] = {}
    notes = []
    for backend in backends():
        if not backend.wanted(options):
            continue
        tool = backend.find()
        if note := backend.admit(tool):
            notes.append(note)
        if tool is not None:
            tools[backend.name] = tool
    return tools, notes


@dataclass(slots=True)
class _Session:
    """The state of one capture."""

    plan: CapturePlan
    gpu: Gpu
    secrets: Secrets
    directory: CaptureDirectory
    progress: ProgressCallback | None
    records: list[RunRecord] = field(default_factory=list)
    harness: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    """What the harness said of itself, scrubbed, by phase."""
    interrupted: bool = False
    starts: int = 0
    wall_s: float = 0.0
    left_out: list[LeftOut] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    """What was run in another way than planned, and why."""

    def run_all(self) -> None:
        """Run what is planned, up to the first problem that the next run would have too."""
        number = 0
        for part in self.plan.parts:
            for job in part.jobs:
                number += 1
                problem = self._settle_and_run(part, job, number)
                if problem and problem.fatal:
                    self.interrupted = problem.interrupted
                    if problem.interrupted or part.backend.required or not problem.code:
                        return
                    break  # of this profiler alone
            if part.backend.required and not any(record.file for record in self.records):
                return

    def _settle_and_run(self, part: Part, job: Job, number: int) -> Problem | None:
        """Run a job as earlier ones show that it has to be, and again where it failed and there is another way."""
        backend = part.backend
        settled = backend.settled(job, part.setting, self.records)
        if isinstance(settled, NotNeeded):
            self.left_out.append(LeftOut(job.title, settled.reason))
            self._write_manifest()
            return None
        problem = self._run(part, settled, number)
        tried = {settled.command}
        while (retry := backend.again(settled, part.setting, self.records[-1], self.records)) and (
            retry.job.command not in tried
        ):
            tried.add(retry.job.command)
            first, problem = self.records[-1], self._run(part, retry.job, number)
            second = self.records[-1]
            if first.file and not second.file:
                del self.records[-1]
                self._write_manifest()
                return problem if problem and problem.interrupted else first.problem
            del self.records[-2]
            if first.file and first.file != second.file:
                (self.directory.path / first.file).unlink(missing_ok=True)
            self.changes.append(f"{job.name}: {retry.reason}")
            self._write_manifest()
            settled = retry.job
        return problem

    def result(self) -> CaptureResult:
        """The end of the capture.

        Raises:
            CaptureInterrupted, RoofprofError: nothing usable came.
        """
        state = self._state()
        if not self.records:
            raise CaptureInterrupted("interrupted before anything was captured")
        if state == "failed":
            problem = next((r.problem for r in reversed(self.records) if r.problem), INTERRUPTED)
            kind = CaptureInterrupted if self.interrupted else RoofprofError
            raise kind(f"nothing was captured: {problem.message}", problem.hint)
        notes = (*self.plan.notes, *self.changes, *region_notes(self.plan.options, self.records))
        found, left_out = tuple(self.records), tuple(self.left_out)
        return CaptureResult(
            self.directory.path, state, found, notes, self.interrupted, left_out, self.starts, self.wall_s
        )

    def _state(self) -> State:
        return overall_state(self.records, self.plan.job_count - len(self.left_out))

    def _run(self, part: Part, job: Job, number: int) -> Problem | None:
        backend, options = part.backend, self.plan.options
        turn = Turn(number, self.plan.job_count, self.progress, options.timeout_s, tuple(self.records))
        watch = backend.watch(job, turn)
        start = time.monotonic()
        kept = KeptFile()
        problem: Problem | None = None
        # A signal waits from the end of the processes to the manifest, or a report that is kept already would not be
        # in it; where keeping takes long, the profiler lets signals in.
        with uninterrupted():
            try:
                with interruptible():
                    problem = self._launch(backend, job, watch)
                if not (problem and problem.unstarted):
                    assert part.tool is not None
                    self._keep_words(job, watch)
                    kept = backend.keep(job, watch, Keeper(part.tool, self.directory, self.secrets, options))
                    problem = problem or kept.problem
                    if problem and problem.fatal_if_empty and not kept.file:
                        problem = replace(problem, fatal=True)
                    if kept.file:
                        kept = replace(kept, facts={**kept.facts, **self.directory.recorded(kept.file)})
            except KeyboardInterrupt:
                problem = INTERRUPTED
            except RoofprofError as error:
                problem = problem or Problem(error.message, error.hint)
            except OSError as error:
                self.directory.free_reserve()
                problem = Problem(f"cannot write the capture: {error.strerror}", "free some space", fatal=True)
            # Written after each run: a capture that is killed leaves a manifest of what it had.
            wall_s = time.monotonic() - start
            self.starts, self.wall_s = self.starts + 1, self.wall_s + wall_s
            self.records.append(RunRecord(backend, job, kept, problem, wall_s))
            self._write_manifest()
        return problem

    def _launch(self, backend: AnyBackend, job: Job, watch: RunWatch) -> Problem | None:
        try:
            # Another workload than ours may well import what lies beside it.
            environment = module_environment() if job.layer else {**os.environ, CAPTURE: "1"}
            outcome = run_profiler(job.command, job.raw(".log"), watch, environment)
        except RoofprofError as error:
            return Problem(error.message, error.hint, fatal=True, unstarted=True)
        if outcome.ending is Ending.DISK_FULL:
            self.directory.free_reserve()
        return backend.explain(job, outcome, watch) or left_running(outcome)

    def _write_manifest(self) -> None:
        how = Course(self._state(), tuple(self.left_out), tuple(self.changes))
        self.directory.write_manifest(
            build_manifest(self.plan, self.gpu, self.records, self.harness, how, self.secrets)
        )

    def _keep_words(self, job: Job, watch: RunWatch) -> None:
        """Keep the profiler's lines and what the workload printed, scrubbed."""
        lines = list(watch.messages)
        if watch.output:
            lines += ["", f"-- {'harness' if job.layer else 'workload'} --", watch.output] if lines else [watch.output]
        if lines:
            self.directory.keep_text(self.secrets.scrub_text("\n".join(lines)) + "\n", f"logs/{job.stem}.txt")
        if job.layer:
            self._keep_harness(job)

    def _keep_harness(self, job: Job) -> None:
        """Keep what the harness wrote of itself, where the job asked it to."""
        try:
            data = json.loads(job.raw(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        data = self.secrets.scrub_data(data)
        self.directory.keep_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", f"harness/{job.stem}.json")
        if isinstance(data, dict):
            self.harness.setdefault(job.phase, data)
