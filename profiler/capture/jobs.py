"""What a capture runs: every process of every profiler in order, with its exact command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roofprof.profiler.ncu.plan import table_of_chip
from roofprof.profiler.run.backend import AnyBackend, PlannedJobs, Setting, backends
from roofprof.profiler.run.directory import WORK
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.tools import Tool


@dataclass(frozen=True, slots=True)
class Part:
    """The jobs of one profiler."""

    backend: AnyBackend
    tool: Tool | None
    """None in a dry run on a machine without it."""
    jobs: tuple[Job, ...]
    setting: Setting


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """Everything that a capture runs, in order."""

    options: CaptureOptions
    chip: str
    tested: str | None
    """Where the passes of this chip were measured, or None."""
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    """What was left out, and why."""

    @property
    def job_count(self) -> int:
        """Processes in all."""
        return sum(len(part.jobs) for part in self.parts)


def plan_capture(options: CaptureOptions, chip: str, tools: Mapping[str, Tool | None]) -> CapturePlan:
    """Plan the jobs of the profilers given.

    Args:
        options: checked.
        chip: such as gh100.
        tools: by name of profiler; one that is not there is planned under its name alone.

    Raises:
        UsageError: an option does not fit the chip.
    """
    folder = Path(options.output)
    if str(folder).startswith("-"):  # no program would take it for a file
        folder = folder.absolute()
    parts: list[Part] = []
    notes: list[str] = []
    for backend in backends():
        if backend.name not in tools:
            continue
        tool = tools[backend.name]
        program = tool.path if tool else backend.name
        setting = Setting(options, chip, program, folder / WORK)
        planned: PlannedJobs = backend.jobs(setting)
        parts.append(Part(backend, tool, planned.jobs, setting))
        notes += planned.notes
    if options.command:
        # Traced first: the trace shows which part of another workload is to be profiled, and whether it has graphs.
        parts.sort(key=lambda part: part.backend.required)
    return CapturePlan(options, chip, table_of_chip(chip).tested, tuple(parts), tuple(notes))


def dry_run(options: CaptureOptions, chip: str) -> CapturePlan:
    """What a capture would run; needs neither a GPU nor a profiler, and touches nothing.

    Raises:
        UsageError: an option is wrong.
    """
    options.check()
    return plan_capture(options, chip, {b.name: b.find() for b in backends() if b.wanted(options)})
