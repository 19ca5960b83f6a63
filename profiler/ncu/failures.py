"""What failures of an ncu run mean."""

import re

from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.gpu import PERMISSION_HINT
from roofprof.profiler.run.problems import (
    Problem,
    ended_early,
    last_words,
    other_profiler,
    short,
    still_running,
    told_problem,
)
from roofprof.profiler.run.runner import Ending, Outcome

DRIVER, NOTHING, REFUSED = "driver", "nothing", "refused"
"""Codes of problems that another way of running may avoid."""


def explain_ncu(outcome: Outcome, watch: NcuWatch) -> Problem | None:
    """What went wrong with a run, or None when ncu and the workload ended well.

    Only ncu's own lines are searched for known failures, and only once it has failed: a workload may print anything.
    """
    errors = [m for m in watch.messages if m.startswith(("==ERROR==", "==WARNING=="))]
    failed = outcome.returncode != 0 or any(m.startswith("==ERROR==") for m in errors)
    own = "\n".join(errors) if failed else ""
    if early := ended_early(outcome, own):
        return early
    for pattern, message, hint in _KNOWN:
        if found := pattern.search(own):
            code = REFUSED if message.startswith("ncu refused") else ""
            return Problem(message.format(short(found[0])), hint, fatal=True, code=code)
    if _DRIVER.search(own):
        return _driver(watch)
    if outcome.ending is Ending.HUNG:
        return _hang(outcome, watch)
    return _crash(outcome, watch)


_KNOWN = (
    (
        re.compile("ERR_NVGPUCTRPERM"),
        "this user may not read the GPU's performance counters (ERR_NVGPUCTRPERM)",
        PERMISSION_HINT,
    ),
    (
        re.compile("InterprocessLockFailed|[Ll]ock file"),
        "another user's ncu holds, or left behind, its lock file",
        "wait for that ncu to end, or set TMPDIR to a directory of your own",
    ),
    (
        re.compile("[Dd]river resource was unavailable"),
        "another profiler holds the GPU's counters",
        "pause it (dcgmi profile --pause for DCGM) and capture again",
    ),
    (
        re.compile(r"Failed to find metric[^\n]*|[Mm]etric \S{1,200} (?:was )?not found[^\n]*"),
        "ncu does not know a metric of the plan: {}",
        "this ncu is too old or too new for the plan of this chip; see docs/capture.md",
    ),
    (
        re.compile(r"unrecogni[sz]ed option[^\n]*|the argument [^\n]{1,4000}? is invalid"),
        "ncu refused an option: {}",
        "check what follows --ncu-args; roofprof uses options that ncu has since 2023.3",
    ),
)


_DRIVER = re.compile("An error was reported by the driver|LaunchFailed")


def _driver(watch: NcuWatch) -> Problem:
    """The driver refused to replay something: mostly a node of a CUDA graph that uses memory of the graph's pool."""
    error = next((m for m in watch.messages if m.startswith("==ERROR==") and "reported by the driver" not in m), "")
    reason = short(error.removeprefix("==ERROR== ").strip())
    message = f"the driver failed after {len(watch.passes)} launches{f': {reason}' if reason else ''}"
    hint = 'if the workload replays CUDA graphs, turn them off in it, or give --ncu-args "--graph-profiling graph"'
    return Problem(message, hint, fatal=not watch.passes, code=DRIVER)


def _hang(outcome: Outcome, watch: NcuWatch) -> Problem:
    inside = watch.profiling
    where = f"{'in' if inside else 'after'} kernel {short(watch.kernel)}" if watch.kernel else "before the first kernel"
    # In a kernel the workload waits for ncu; elsewhere ncu waits for the workload, background processes included.
    waits_for = "" if inside else still_running(outcome)
    message = f"no progress {where}, after {len(watch.passes)} launches; timed out{waits_for}"
    if inside or not waits_for:
        return Problem(message, "leave the op out with --only, or allow more with --timeout")
    return Problem(message, "end background processes at the end of the workload, or allow more with --timeout")


def _crash(outcome: Outcome, watch: NcuWatch) -> Problem | None:
    """The workload's own error where it printed one, else what ncu says, else the exit code."""
    errors = [m.removeprefix("==ERROR== ") for m in watch.messages if m.startswith("==ERROR==")]
    if not errors and outcome.returncode == 0:
        if any("No kernels were profiled" in m for m in watch.messages):
            return Problem(
                "no kernel was profiled",
                "check --region, --skip and the filters given with --ncu-args",
                fatal=True,
                code=NOTHING,
            )
        return None
    if told := told_problem(watch.output, fatal=not watch.passes) or other_profiler(watch.output):
        return told
    reason = short(errors[0]) if errors else f"ncu ended with exit code {outcome.returncode}"
    return Problem(reason, last_words(watch.output), fatal=not watch.passes)
