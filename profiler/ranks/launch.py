"""`roofprof capture --ranks N`: torchrun started by us, once for each run, with `roofprof rank` in every process."""

import importlib.util
import os
import re
import secrets as random
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.options import to_argv
from roofprof.own_python import module_command, module_environment
from roofprof.profiler.capture.jobs import CapturePlan
from roofprof.profiler.capture.session import wanted_tools
from roofprof.profiler.ranks.peers import STATUS
from roofprof.profiler.ranks.place import nvls_note
from roofprof.profiler.ranks.rank import rank_plan
from roofprof.profiler.ranks.summary import SUMMARY, RankRun, read_run, write_summary
from roofprof.profiler.run.backend import backends
from roofprof.profiler.run.directory import CaptureDirectory, claim_directory
from roofprof.profiler.run.gpu import Gpu, gpus, need_gpu
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.output import readable_lines
from roofprof.profiler.run.region import check_command
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.secrets import Secrets, collect_secrets
from roofprof.profiler.run.signals import ending_signals
from roofprof.profiler.run.state import State
from roofprof.profiler.run.watch import RunWatch

PARTING_S = 90.0
"""How long the ranks may take beyond their deadline, or once they are to end: each profiler writes what it has."""
_PORT_TAKEN = re.compile(r"EADDRINUSE|already in use")
_TRIES = 3


@dataclass(frozen=True, slots=True)
class RanksResult:
    """What a capture over several ranks left behind."""

    path: Path
    count: int
    runs: tuple[RankRun, ...]
    notes: tuple[str, ...]
    interrupted: bool = False

    @property
    def state(self) -> State:
        """Complete when every rank is whole in every run; failed when none has anything."""
        return overall_state(self.runs)


def overall_state(runs: Sequence[RankRun]) -> State:
    """Of all runs together."""
    if all(not run.missing and not run.partial for run in runs):
        return "complete"
    return "partial" if any(run.whole or run.partial for run in runs) else "failed"


Show = Callable[[RankRun], None]


def launch_command(options: CaptureOptions, job: str, port: int, deadline_s: float) -> list[str]:
    """torchrun on this machine, with one `roofprof rank` a GPU for one run."""
    words = to_argv(replace(options, ncu_args=()), "capture")
    # Each in one word, and quoted: the command line splits what comes after --ncu-args.
    words += [f"--ncu-args={shlex.quote(word)}" for word in options.ncu_args]
    rank = module_command("roofprof", "rank", "-o", str(options.output), "--run", job, *words)
    rank += ["--deadline", f"{deadline_s:.0f}", *(["--", *options.command] if options.command else [])]
    return torchrun_command(options.ranks, rank, port)


def torchrun_command(ranks: int, words: Sequence[str], port: int | None = None) -> list[str]:
    """torchrun on this machine with a command in each of its processes."""
    # Behind --, or torchrun takes --run for an abbreviation of its own --run-path.
    return module_command(
        "torch.distributed.run", "--nnodes", "1", "--nproc-per-node", str(ranks), "--max-restarts", "0",
        "--master-addr", "127.0.0.1", "--master-port", str(free_port() if port is None else port), "--no-python", "--",
        *words,
    )  # fmt: skip


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ranks_plan(options: CaptureOptions) -> tuple[CapturePlan, Gpu]:
    """What each rank will run, checked before anything is launched; touches nothing.

    Raises:
        UsageError, RoofprofError: an option is wrong; too few GPUs, no torch, no ncu or no permission.
    """
    options.check()
    gpu = need_gpu()
    check_gpus(options.ranks)
    tools, missing = wanted_tools(options)
    plan = rank_plan(options, gpu, tools)
    return replace(plan, notes=tuple(n for n in (*plan.notes, *missing, nvls_note()) if n)), gpu


def check_gpus(ranks: int) -> None:
    """Refuse more ranks than GPUs, slices of GPUs, and a Python without torchrun.

    Raises:
        RoofprofError: as it says.
    """
    found = gpus()
    if len(found) < ranks:
        here = "1 GPU is" if len(found) == 1 else f"{len(found)} GPUs are"
        hint = "give as many ranks as GPUs; --tp and --ep without --ranks run one rank's share on one GPU"
        raise RoofprofError(f"--ranks {ranks} and {here} here", hint)
    if any(g.mig for g in found[:ranks]):
        raise RoofprofError("MIG is on: its slices reach no other GPU", "turn it off: nvidia-smi -mig 0")
    if importlib.util.find_spec("torch") is None:
        hint = "install torch, or start roofprof rank with a launcher of your own (docs/multi-gpu.md)"
        raise RoofprofError("torchrun is not here: this Python has no torch", hint)


def capture_ranks(options: CaptureOptions, deadline_s: float, show: Show = lambda _: None) -> RanksResult:
    """Capture on `options.ranks` GPUs of this machine. What is whole is kept, and named.

    Raises:
        UsageError, RoofprofError: see `ranks_plan`; or nothing at all was captured.
    """
    plan, _ = ranks_plan(options)
    check_command(options.command)
    folder = options.output
    secrets = collect_secrets(options.free_text())
    directory = claim_directory(folder, options.force, _names(folder))
    session = _Session(options, plan, directory, secrets, deadline_s)
    try:
        with ending_signals():
            for run in session.runs():
                show(run)
    finally:
        directory.discard()
    state = overall_state(session.done) if session.done else "failed"
    if state == "failed":
        causes = [cause for run in session.done for cause in run.causes.values()]
        message = causes[-1] if causes else "interrupted"
        raise RoofprofError(f"nothing was captured on any rank: {message}", session.hint)
    return RanksResult(folder, options.ranks, tuple(session.done), plan.notes, session.interrupted)


def _names(folder: Path) -> set[str]:
    """What an earlier capture over ranks may have left in a folder."""
    ours = {SUMMARY, STATUS, *(backend.name for backend in backends())}
    if folder.is_dir():
        ours |= {path.name for path in folder.iterdir() if re.fullmatch(r"rank\d{3,}", path.name)}
    return ours


class _LaunchWatch(RunWatch):
    """The deadline of a launch; whether its ranks make progress is their own affair."""

    def hung(self) -> bool:
        """Whether it is over."""
        return time.monotonic() - self.began > (self.timeout_s or 0)

    began: float = 0.0


@dataclass(slots=True)
class _Session:
    options: CaptureOptions
    plan: CapturePlan
    directory: CaptureDirectory
    secrets: Secrets
    deadline_s: float
    done: list[RankRun] = field(default_factory=list)
    interrupted: bool = False
    hint: str | None = None

    def runs(self) -> Iterator[RankRun]:
        """Start the ranks for each run, up to one that no rank has whole."""
        jobs = [job for part in self.plan.parts for job in part.jobs]
        for job in jobs:
            run = self._run(job)
            self.done.append(run)
            write_summary(self.directory, self.options, self.done, len(jobs), overall_state(self.done))
            yield run
            if self.interrupted or not run.whole:
                return

    def _run(self, job: Job) -> RankRun:
        start = time.monotonic()
        name = f"{random.token_hex(8)}"
        environment = {**module_environment(), "ROOFPROF_RUN": job.stem, "ROOFPROF_SESSION": name}
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // self.options.ranks)))
        watch, ending = self._launch(job, environment)
        self.interrupted = ending is Ending.INTERRUPTED
        self._keep_words(job, watch)
        run = read_run(self.directory.path, job, self.options.ranks, name, time.monotonic() - start)
        if run.missing and not run.causes:
            last = [line for line in watch.output.splitlines() if line.startswith(("error: ", "hint: "))]
            self.hint = "see logs/" + job.stem + ".txt" if not last else last[-1]
        return run

    def _launch(self, job: Job, environment: dict[str, str]) -> tuple[RunWatch, Ending]:
        """Start the ranks; again with another port where somebody took ours between our look and torchrun's."""
        tries = _TRIES
        while True:
            tries -= 1
            command = launch_command(self.options, job.stem, free_port(), self.deadline_s)
            watch = _LaunchWatch(job.title, 1, 1, timeout_s=self.deadline_s + PARTING_S)
            watch.began = time.monotonic()
            log = self.directory.work / f"{job.stem}.log"
            outcome = run_profiler(command, log, watch, environment, grace_s=PARTING_S)
            if outcome.returncode == 0 or not tries or not _PORT_TAKEN.search(watch.output):
                return watch, outcome.ending

    def _keep_words(self, job: Job, watch: RunWatch) -> None:
        text = self.secrets.scrub_text(readable_lines(watch.output))
        self.directory.keep_text(text + "\n", f"logs/{job.stem}.txt")
