"""Reading and analysing .ncu-rep files: our reader beside ncu-report's own loop, in CPU seconds and memory.

    python benchmarks/extraction.py [LAUNCHES ...] [--rounds N] [--ncu-report-up-to LAUNCHES]

Each contestant runs in a process of its own, in turn, round after round; medians of user and system time, children's
included, and the largest ru_maxrss are printed, with the exponent by which time grows from size to size.
nsight-python's extraction runs on the smallest file where it is installed.
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from large_report import make
from measure import environment


def read(path: str) -> None:
    """Our reader, to the frame of launches."""
    from roofprof.parsers.ncu.report import read_ncu_report

    read_ncu_report(path)


def analyze(path: str) -> None:
    """The command, to the table."""
    _command("analyze", path)


def analyze_by_ncu_report(path: str) -> None:
    """The command with NVIDIA's module in child processes."""
    _command("analyze", path, "--reader", "ncu-report")


def _command(*words: str) -> None:
    from roofprof.__main__ import main

    sys.argv = ["roofprof", *words]
    with contextlib.suppress(SystemExit):
        main()


def ncu_report_loop(path: str) -> None:
    """The same metrics, names, ranges: the bare calls, without doing anything with the answers."""
    import ncu_report

    from roofprof.hardware.chip import chips
    from roofprof.parsers.ncu.columns import plan_columns

    actions = ncu_report.load_report(path)[0]  # pyright: ignore[reportCallIssue]
    metrics: tuple[str, ...] = ()
    for index in range(actions.num_actions()):
        action = actions[index]
        metrics = metrics or plan_columns(chips()["gh100"], frozenset(action.metric_names())).metrics
        for metric in metrics:
            action.metric_by_name(metric).value()
        action.name(action.NameBase_FUNCTION)
        action.name(action.NameBase_DEMANGLED)
        state = action.nvtx_state()
        for domain in state.domains():
            state.domain_by_id(domain).push_pop_ranges()


def nsight_python(path: str) -> None:
    """nsight-python's extraction of the metrics that we read, action by action."""
    import ncu_report
    from nsight import extraction  # pyright: ignore[reportMissingImports]

    from roofprof.hardware.chip import chips
    from roofprof.parsers.ncu.columns import plan_columns

    actions = ncu_report.load_report(path)[0]  # pyright: ignore[reportCallIssue]
    metrics = list(plan_columns(chips()["gh100"], frozenset(actions[0].metric_names())).metrics)
    for index in range(actions.num_actions()):
        extraction.extract_ncu_action_data(actions[index], metrics)


def imports(_: str) -> None:
    """What the command cannot do without."""
    importlib.import_module("polars")
    importlib.import_module("typer")


CONTESTANTS: dict[str, Callable[[str], None]] = {
    "read": read,
    "ncu_report_loop": ncu_report_loop,
    "analyze": analyze,
    "analyze_by_ncu_report": analyze_by_ncu_report,
    "imports": imports,
    "nsight_python": nsight_python,
}
OURS, ALL = ("read", "analyze"), ("read", "ncu_report_loop", "analyze", "analyze_by_ncu_report")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process with its children."""

    cpu_s: float
    peak_mb: float


def _run(contestant: str, path: Path) -> Cost:
    command = [sys.executable, __file__, "--child", contestant, str(path)]
    reading, writing = os.pipe()
    done = subprocess.run(
        [*command, str(writing)], capture_output=True, pass_fds=[writing], env=environment(), check=False
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    if not text:
        raise SystemExit(f"{contestant} failed: {done.stderr.decode()[-500:]}")
    return Cost(**json.loads(text))


def _child(contestant: str, path: str, descriptor: int) -> None:
    CONTESTANTS[contestant](path)
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    with os.fdopen(descriptor, "w") as out:
        json.dump({"cpu_s": cpu_s, "peak_mb": max(own.ru_maxrss, children.ru_maxrss) / 1e3}, out)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(c.cpu_s for c in costs), max(c.peak_mb for c in costs))


def _exponents(found: dict[int, dict[str, Cost]]) -> None:
    sizes = sorted(found)
    for small, large in pairwise(sizes):
        for name in OURS:
            growth = found[large][name].cpu_s / found[small][name].cpu_s
            exponent = math.log(growth, large / small)
            print(f"{name}: {small} to {large} launches, {growth:.1f}x the time, exponent {exponent:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("launches", nargs="*", type=int, default=[1000, 10000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ncu-report-up-to", type=int, default=10000, help="It keeps 0.5 MB per launch in memory.")
    parser.add_argument("--child", nargs=3)
    options = parser.parse_args()
    if options.child:
        _child(options.child[0], options.child[1], int(options.child[2]))
        return
    found: dict[int, dict[str, Cost]] = {}
    print("| launches | contestant | CPU s | of ncu-report's | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.launches:
            path = make(count, Path(folder) / f"{count}.ncu-rep")
            names = ALL if count <= options.ncu_report_up_to else OURS
            rounds = [{name: _run(name, path) for name in names} for _ in range(options.rounds)]
            costs = found[count] = {name: _median([one[name] for one in rounds]) for name in names}
            theirs = {"read": costs.get("ncu_report_loop"), "analyze": costs.get("analyze_by_ncu_report")}
            for name, cost in costs.items():
                other = theirs.get(name)
                ratio = f"{cost.cpu_s / other.cpu_s:.2f}" if other else ""
                print(f"| {count} | {name} | {cost.cpu_s:.2f} | {ratio} | {cost.peak_mb:.0f} |", flush=True)
        smallest = Path(folder) / f"{min(options.launches)}.ncu-rep"
        extra = ["imports"] + ["nsight_python"] * bool(importlib.util.find_spec("nsight"))
        for name in extra:
            cost = _median([_run(name, smallest) for _ in range(options.rounds)])
            print(f"| {min(options.launches)} | {name} | {cost.cpu_s:.2f} | | {cost.peak_mb:.0f} |")
    _exponents(found)


if __name__ == "__main__":
    main()
