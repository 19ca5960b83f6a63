"""Captures with stub tools: signals, killed processes, floods of output, words that sound like ncu's errors."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cases import DATA, Case
from command_line import CommandLine, finish, start
from outcomes import Answer, Outcome, Verdict, broken
from stubs import Tools, install

MOMENTS_S = (0.2, 0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.3, 2.6, 3.0)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMIT_S = 60.0
SLEEP = ("python3", "-c", "import time; time.sleep(600)")
DAEMON = (
    "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  time.sleep(600)\n os._exit(0)\nos.wait()"
)
BURN = "import time\nend = time.time() + 8\nwhile time.time() < end: sum(range(10000))"
NOT_NCUS = (
    "Acquiring lock file /tmp/cache/model.lock",
    "unrecognized option --flag is ignored by my script",
    "the argument x is invalid, using the default",
    "Metric accuracy not found in the log",
    "OSError: No space left on device (retrying elsewhere)",
    "Failed to find metric loss, skipping",
    "driver resource was unavailable, retrying",
    "Traceback (most recent call last): caught and handled",
)

Body = Callable[[Path, Tools], Verdict]


def cases() -> list[Case]:
    """Every fault, by kind."""
    return [*_signals(), *_kills(), *_floods(), *_words()]


def fault(kind: str, name: str, body: Body) -> Case:
    """A case with stub tools of its own; nothing that it starts outlives it."""

    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        del roofprof
        tools = install(folder / "tools")
        try:
            return body(folder, tools)
        finally:
            tools.survivors(0)

    return Case(kind, name, run)


def capture(folder: Path, tools: Tools, mode: str, *more: str, **variables: str) -> "subprocess.Popen[str]":
    """Start a capture of a workload into `out`, without nsys."""
    words = list(more) if "--" in more else [*more, "--", "true"]
    told = tools.environment(mode, FUZZ_DATA=str(DATA), **variables)
    return start(["capture", "-o", str(folder / "out"), "--no-nsys", "--json", *words], folder, told)


def state_of(out: Path) -> str | None:
    """The manifest's state; None without one.

    Raises:
        ValueError: a manifest that is no JSON.
    """
    try:
        manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return str(manifest["state"])


def left_by(folder: Path, tools: Tools) -> str | None:
    """What must not be there after a capture: processes, raw files, a manifest that names what is gone."""
    if names := tools.survivors():
        return f"left running: {', '.join(names)}"
    out = folder / "out"
    if leftovers := [p.name for p in out.rglob("*") if p.name.startswith(".partial") or p.suffix == ".part"]:
        return f"left behind: {', '.join(leftovers)}"
    try:
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        files = [p.name for p in out.rglob("*.ncu-rep")]
        return f"reports without a manifest: {files}" if files else None
    except ValueError:
        return "a manifest that is no JSON"
    gone = [run["report"] for run in manifest["runs"] if run["report"] and not (out / run["report"]).exists()]
    return f"the manifest names what is not there: {gone}" if gone else None


def verdict_of(answer: Answer, folder: Path, tools: Tools, expected: Sequence[str]) -> Verdict:
    """The outcome of a capture that a fault has hit.

    Args:
        expected: states that are right where it ends with exit code 0.
    """
    if answer.ending is Outcome.HANG:
        tools.survivors(0)
        return Verdict(Outcome.HANG, answer.err)
    if left := left_by(folder, tools):
        return Verdict(Outcome.BROKEN, left)
    told = answer.out.lstrip().startswith("{") and "Traceback" not in answer.err  # --json tells the cause there
    by_signal = answer.code is not None and (answer.code < 0 or answer.code == 130) and "Traceback" not in answer.err
    if not (told or by_signal) and (bad := broken(Answer(answer.code, answer.out, answer.err))):
        return bad
    state = state_of(folder / "out")
    if state is None:
        return Verdict(Outcome.REFUSED, answer.err[:200])
    if state not in expected:
        return Verdict(Outcome.BROKEN, f"state {state}, exit {answer.code}: {answer.err[:160]}{_cause(folder / 'out')}")
    return Verdict(Outcome.UNCHANGED if state == "complete" else Outcome.SAID, f"state {state}")


def _cause(out: Path) -> str:
    """What the manifest gives as the cause of the first run that is not whole."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return next((str(run["cause"]) for run in manifest["runs"] if run["cause"]), "")[:120]


def _signals() -> Iterator[Case]:
    for number in SIGNALS:
        for moment in MOMENTS_S:

            def body(folder: Path, tools: Tools, n: signal.Signals = number, s: float = moment) -> Verdict:
                process = capture(folder, tools, "slow")
                time.sleep(s)
                process.send_signal(n)
                answer = finish(process, LIMIT_S)
                return verdict_of(answer, folder, tools, ("partial", "failed"))

            yield fault("capture, a signal", f"{number.name} after {moment:g} s", body)


def _kills() -> Iterator[Case]:
    kind = "capture, something dies or stays"

    def killed(name: str, mode: str, words: Sequence[str]) -> Body:
        def body(folder: Path, tools: Tools) -> Verdict:
            process = capture(folder, tools, mode, *words)
            pid = tools.wait_for(name, word="-o" if name == "ncu" else "")
            assert pid, f"no process {name}"
            time.sleep(0.3)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            if mode == "run":  # the workloads of the later runs too
                while process.poll() is None:
                    if other := tools.wait_for(name, 0.3):
                        with contextlib.suppress(OSError):
                            os.kill(other, signal.SIGKILL)
            return verdict_of(finish(process, LIMIT_S), folder, tools, ("partial", "failed"))

        return body

    yield fault(kind, "ncu is killed", killed("ncu", "slow", ()))
    yield fault(kind, "the workload is killed", killed("python3", "run", ("--", *SLEEP)))

    def roofprof_killed(folder: Path, tools: Tools) -> Verdict:
        process = capture(folder, tools, "run", "--", *SLEEP)
        assert tools.wait_for("python3")
        process.kill()
        process.wait()
        left = tools.survivors(6)
        finish(process)
        return Verdict(Outcome.BROKEN, f"left running: {left}") if left else Verdict(Outcome.UNCHANGED)

    yield fault(kind, "roofprof is killed", roofprof_killed)

    def again(folder: Path, tools: Tools) -> Verdict:
        process = capture(folder, tools, "slow")
        tools.wait_for("ncu")
        process.kill()
        finish(process)
        tools.survivors(0)
        answer = finish(capture(folder, tools, "ok", "--force"), LIMIT_S)
        return verdict_of(answer, folder, tools, ("complete",))

    yield fault(kind, "a capture after one that was killed", again)

    def daemon(folder: Path, tools: Tools) -> Verdict:
        answer = finish(capture(folder, tools, "run", "--", "python3", "-c", DAEMON), LIMIT_S)
        return verdict_of(answer, folder, tools, ("complete", "partial"))

    yield fault(kind, "the workload leaves a daemon", daemon)

    def burning(folder: Path, tools: Tools) -> Verdict:
        answer = finish(capture(folder, tools, "run", "--timeout", "3", "--", "python3", "-c", BURN), LIMIT_S)
        return verdict_of(answer, folder, tools, ("complete",))

    yield fault(kind, "a silent workload that burns CPU", burning)


def _floods() -> Iterator[Case]:
    sizes = {"64 KB": 1 << 16, "4 MB": 4 << 20, "100 MB": 100 << 20}
    kinds = ("one line", "one line of one letter", "short lines", "empty lines", "random bytes", "progress bars")
    for words in kinds:
        for name, size in sizes.items():

            def body(folder: Path, tools: Tools, w: str = words, s: int = size) -> Verdict:
                process = capture(folder, tools, "flood", FUZZ_WORDS=w, FUZZ_BYTES=str(s))
                answer = finish(process, 12 + s / 4e6)
                return verdict_of(answer, folder, tools, ("complete",))

            yield fault("capture, a flood of output", f"{words}, {name}", body)


def _words() -> Iterator[Case]:
    for words in NOT_NCUS:

        def body(folder: Path, tools: Tools, w: str = words) -> Verdict:
            answer = finish(capture(folder, tools, "words", FUZZ_WORDS=w), LIMIT_S)
            return verdict_of(answer, folder, tools, ("complete",))

        yield fault("capture, words of the workload", words, body)
