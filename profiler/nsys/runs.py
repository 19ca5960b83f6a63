"""The nsys runs of a capture: which there are, and from a run to the scrubbed trace that is kept.

Nothing that goes wrong here raises: the ncu runs are done by then, and stand.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.profiler.nsys.export import keep_scrubbed
from roofprof.profiler.nsys.record import NsysRecord
from roofprof.profiler.nsys.scrub import Kept
from roofprof.profiler.nsys.watch import NsysWatch, explain_nsys
from roofprof.profiler.run.directory import CaptureDirectory
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.secrets import Secrets
from roofprof.profiler.run.state import State
from roofprof.profiler.run.tools import Tool
from roofprof.profiler.run.watch import harness_done


@dataclass(frozen=True, slots=True)
class NsysJob:
    """One nsys process to run."""

    phase: str
    name: str
    """`eager`, as the process launches it, or `graph`, replayed by the harness as a CUDA graph."""
    repeats: int | None
    command: tuple[str, ...]
    work: Path
    """Path of its raw files, without their endings."""

    @property
    def layer(self) -> bool:
        """Whether it runs the layer, and not another workload."""
        return self.phase != "workload"

    def raw(self, ending: str) -> Path:
        """One of its raw files."""
        return self.work.with_name(self.work.name + ending)


def run_trace(
    job: NsysJob, tool: Tool, watch: NsysWatch, secrets: Secrets, directory: CaptureDirectory, keep_report: bool
) -> tuple[NsysRecord, Problem | None]:
    """Run nsys, and move the scrubbed trace to its place.

    Args:
        keep_report: keep the .nsys-rep too, with the whole environment in it.
    """
    start = time.monotonic()
    kept: Kept | None = None
    problem: Problem | None = None
    try:
        outcome = run_profiler(job.command, job.raw(".log"), watch)
        if outcome.ending is Ending.DISK_FULL:
            directory.free_reserve()
        done = not job.layer or harness_done(job.raw(".progress"))
        problem = explain_nsys(outcome, watch.output, job.raw(".nsys-rep"), done)
        if job.layer:
            directory.keep_text(secrets.scrub_text(watch.output) + "\n", f"logs/{job.work.name}.txt")
        if job.raw(".nsys-rep").exists():
            watch.say("exporting")
            kept = _keep(job, tool, secrets, directory, keep_report)
            if kept.operations == 0:
                problem = problem or Problem("the trace holds no GPU work", "see the log")
    except KeyboardInterrupt:
        problem = Problem("interrupted", "what was captured so far is kept", fatal=True)
    except RoofprofError as error:
        problem = problem or Problem(error.message, error.hint)
    except OSError as error:
        directory.free_reserve()
        problem = Problem(f"cannot write the capture: {error.strerror}", "free some space", fatal=True)
    return _record(job, tool, kept, problem, time.monotonic() - start), problem


def _keep(job: NsysJob, tool: Tool, secrets: Secrets, directory: CaptureDirectory, keep_report: bool) -> Kept:
    """Export, scrub, and keep what holds any work."""
    report, trace = job.raw(".nsys-rep"), job.raw(".sqlite")
    within = f"{job.phase}:case:*" if job.layer else None
    kept = keep_scrubbed(
        Path(tool.path), report, trace, keep_report=keep_report, within=within, clean=secrets.scrub_name
    )
    if kept.operations:
        directory.keep(trace, _trace_name(job))
    if keep_report:
        report.chmod(0o600)
        directory.keep(report, f"nsys/{report.name}")
    return kept


def _trace_name(job: NsysJob) -> str:
    return f"nsys/{job.work.name}.sqlite"


def _record(job: NsysJob, tool: Tool, kept: Kept | None, problem: Problem | None, wall_s: float) -> NsysRecord:
    trace = _trace_name(job) if kept and kept.operations else None
    state: State = "failed" if trace is None else "partial" if problem else "complete"
    cause, hint = (problem.message, problem.hint) if problem else (None, None)
    operations, left_out = kept or (None, None)
    return NsysRecord(
        job.name, job.phase, state, trace, cause, hint, job.repeats, operations, left_out, tool.version, wall_s
    )
