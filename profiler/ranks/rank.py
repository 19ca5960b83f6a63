"""`roofprof rank`: this rank's profiler around the workload, for one run or for all of them in turn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.hardware.chip import chips
from roofprof.profiler.capture.jobs import CapturePlan, Part, plan_capture
from roofprof.profiler.capture.session import CaptureResult, run_plan, wanted_tools
from roofprof.profiler.ncu.plan import chip_of_gpu
from roofprof.profiler.ranks.backend import RankBackend
from roofprof.profiler.ranks.directory import claim_rank, read_manifest, runs_of
from roofprof.profiler.ranks.peers import Peers
from roofprof.profiler.ranks.place import RankPlace, nvls_note, tell_torch
from roofprof.profiler.run.gpu import Gpu, gpus, need_gpu
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.region import check_command
from roofprof.profiler.run.secrets import collect_secrets
from roofprof.profiler.run.tools import Tool
from roofprof.profiler.run.watch import ProgressCallback

DEADLINE_S = 1200.0
"""A run of a rank is ended after this, whatever signs of life it gives."""
LINK = "link"


@dataclass(frozen=True, slots=True)
class RankRequest:
    """What a rank is to run."""

    options: CaptureOptions
    """`output` is the directory that all ranks share."""
    run: str | None = None
    """nsys, core, cuda_core, link, or a run's full name such as decode-core-cold; None for all, one after another."""
    deadline_s: float = DEADLINE_S


def rank_options(options: CaptureOptions, chip: str) -> CaptureOptions:
    """The options with the link's counters, where the chip has them."""
    if LINK in options.groups or LINK not in chips()[chip].groups:
        return options
    return replace(options, groups=(*options.groups, LINK))


def chosen_jobs(plan: CapturePlan, run: str | None) -> Iterator[tuple[Part, Job]]:
    """The processes that a word means, in the order of the plan.

    Raises:
        UsageError: it means none.
    """
    found = [
        (part, job) for part in plan.parts for job in part.jobs if run in (None, job.stem, job.name, part.backend.name)
    ]
    if not found:
        known = dict.fromkeys(word for p in plan.parts for job in p.jobs for word in (p.backend.name, job.name))
        known.pop("ncu", None)
        raise UsageError(f"no run is named {run!r}", f"use one of {', '.join(known)}")
    return iter(found)


def rank_plan(options: CaptureOptions, gpu: Gpu, tools: dict[str, Tool | None]) -> CapturePlan:
    """Everything that a rank runs, in order; every rank's plan is the same but for its folder.

    Raises:
        UsageError, RoofprofError: no plan for this GPU or these options.
    """
    chip = chip_of_gpu(gpu.compute_capability, gpu.name)
    return plan_capture(rank_options(options, chip), chip, tools)


def capture_rank(
    request: RankRequest, place: RankPlace, progress: ProgressCallback | None = None
) -> Iterator[CaptureResult]:
    """Run what is asked for and give each run's result as it comes. A run that fails ends the rank.

    Raises:
        UsageError, RoofprofError: nothing was launched, or a run gave nothing.
    """
    shared = request.options.output
    options = replace(request.options, output=shared / place.folder, ranks=place.count)
    if not options.command:
        options = replace(options, ranks=place.count)
    options.check()
    check_command(options.command)
    gpu = _gpu(place)
    tools, missing = wanted_tools(options)
    plan = rank_plan(options, gpu, tools)
    notes = tuple(note for note in (*plan.notes, *missing, nvls_note()) if note)
    jobs = list(chosen_jobs(plan, request.run))
    _refuse_done(shared / place.folder, [job for _, job in jobs], options.force)
    secrets = collect_secrets([*options.free_text(), str(shared), str(shared.absolute())])
    peers = Peers(shared, place)
    for index, (part, job) in enumerate(jobs):
        tell_torch(place, index)
        peers.begin(job.stem)
        backend = RankBackend(part.backend, peers, request.deadline_s)
        alone = replace(plan, parts=(replace(part, backend=backend, jobs=(job,)),), notes=notes)
        try:
            directory = claim_rank(shared, place, plan.job_count, fresh=options.force and index == 0)
            result = run_plan(alone, gpu, secrets, directory, progress)
        except RoofprofError as error:
            peers.end("failed", error.message)
            raise
        except BaseException:
            peers.end("failed", "interrupted")
            raise
        whole = result.state == "complete"
        peers.end("complete" if whole else "failed", None if whole else result.records[-1].cause)
        yield result
        if not whole:
            return


def _gpu(place: RankPlace) -> Gpu:
    need_gpu()
    found = gpus()
    if len(found) == 1:  # a launcher may show each rank its own GPU alone
        return found[0]
    if place.local_rank >= len(found):
        hint = "start one rank a GPU"
        raise RoofprofError(f"rank {place.rank} has no GPU of its own: {len(found)} are here", hint)
    return found[place.local_rank]


def _refuse_done(path: Path, jobs: list[Job], force: bool) -> None:
    done = {(row.get("phase"), row.get("name"), row.get("cache")) for row in runs_of(read_manifest(path))}
    again = [job.stem for job in jobs if (job.phase, job.name, job.facts.get("cache")) in done]
    if again and not force:
        message = f"{path} holds {', '.join(again)} already"
        raise UsageError(message, "give another directory with -o, or --force to replace the rank's capture")
