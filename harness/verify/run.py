"""Checks every op against its float32 reference: `python -m roofprof.harness.verify --phase decode`.

The checks run in a child process. An op that kills it, hangs, or leaves the GPU's context dead is recorded as FAIL,
and a new child goes on with the next one.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence

from roofprof.errors import RoofprofError
from roofprof.formatting import print_error
from roofprof.harness.inputs.machine import probe
from roofprof.harness.plan.options import VerifyOptions
from roofprof.harness.verify.child import ChildEnded, Event, EventWriter, child_events, refuse
from roofprof.harness.verify.tasks import Checker, Result, free_memory, list_tasks, worst

_DESCRIPTION = "Checks each op against a float32 torch reference."
_CONTEXT_DEAD = 70
"""Exit code of a child whose GPU context died after a result: a new child goes on."""
Show = Callable[[Result], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code, 1 when an op is WRONG or FAILs."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = VerifyOptions.from_argv(arguments, "verify", "roofprof verify", _DESCRIPTION)
        if options.child is not None:
            return _child(options, options.child)
        results = verify(arguments, options.timeout_s, _ignore if options.json else _show)
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    if options.json:
        print(json.dumps({"results": [r.as_dict() for r in results]}, indent=1))
    else:
        print(_summary(results))
    return int(worst(results))


def verify(arguments: Sequence[str], limit_s: float, show: Show) -> list[Result]:
    """Do all checks that the arguments ask for, in as many child processes as it takes.

    Raises:
        RoofprofError: the checks cannot begin.
    """
    results: list[Result] = []
    done = False
    while not done:
        started: Event | None = None
        try:
            for event in child_events([*arguments, "--first", str(len(results))], limit_s):
                if event["event"] == "refused":
                    refuse(event)
                started = event if event["event"] == "start" else None
                if event["event"] == "result":
                    results.append(Result(**event["result"]))
                    show(results[-1])
                done = event["event"] == "done"
        except ChildEnded as ending:
            if started is None and ending.exit_code != _CONTEXT_DEAD:
                raise RoofprofError(f"the checks did not start: {ending}") from ending
            if started is not None:
                failed = Result(started["case"], started["op"], started["implementation"], "FAIL", why=str(ending))
                results.append(failed)
                show(failed)
    return results


def _child(options: VerifyOptions, descriptor: int) -> int:
    send = EventWriter(descriptor)
    try:
        machine = probe(options.device)
        tasks = list_tasks(options, machine, options.all_impls)
    except RoofprofError as error:
        send(event="refused", message=error.message, hint=error.hint, exit_code=error.exit_code)
        return error.exit_code
    checker = Checker(options, machine)
    for task in tasks[options.first :]:
        empty = task.result("skip")
        send(event="start", case=empty.case, op=empty.op, implementation=empty.implementation,
             limit_factor=task.limit_factor)  # fmt: skip
        send(event="result", result=checker.check(task).as_dict())
        try:
            free_memory(options.device)
        except RuntimeError:
            sys.stdout.flush()
            os._exit(_CONTEXT_DEAD)  # a dead context also hangs the interpreter's own ending
    send(event="done")
    return 0


def _show(result: Result) -> None:
    numbers = "" if result.error is None else f"{result.error:.1e} of {result.tolerance:.0e}"
    name = result.implementation or "-"
    print(f"{result.case:24} {result.op:26} {name:36} {result.verdict:6} {numbers:18} {result.why or ''}", flush=True)


def _ignore(result: Result) -> None:
    pass


def _summary(results: Sequence[Result]) -> str:
    verdicts = [r.verdict for r in results]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in ("ok", "WRONG", "FAIL", "skip"))
