"""roofprof's reading of a report beside what ncu-report itself takes to hand out the same actions and values.

    python benchmarks/extraction.py [LAUNCHES ...] [--rounds N]

Each contestant runs in a process of its own, in turn, round after round; medians and the ratio are printed.
nsight-python's extraction runs on the same file where it is installed, at the smallest size alone.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from large_report import make


def roofprof(path: str) -> dict[str, float]:
    from roofprof.parsers.ncu.report import read_ncu_report

    start = time.perf_counter()
    report = read_ncu_report(path)
    seconds = time.perf_counter() - start
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": seconds, "launches": report.launches.height, "peak_mb": max(_own_peak(), largest_child) / 1e3}


def ncu(path: str) -> dict[str, float]:
    """The same metrics, names, ranges: the bare calls, without doing anything with the answers."""
    from roofprof.hardware.chip import chips
    from roofprof.parsers.ncu.columns import plan_columns

    start = time.perf_counter()
    import ncu_report

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
    return {"seconds": time.perf_counter() - start, "launches": actions.num_actions(), "peak_mb": _own_peak() / 1e3}


def nsight(path: str) -> dict[str, float]:
    """nsight-python's extraction of the metrics that we read, action by action."""
    import ncu_report
    from nsight import extraction  # pyright: ignore[reportMissingImports]

    from roofprof.hardware.chip import chips
    from roofprof.parsers.ncu.columns import plan_columns

    start = time.perf_counter()
    actions = ncu_report.load_report(path)[0]  # pyright: ignore[reportCallIssue]
    first = actions[0]
    metrics = list(plan_columns(chips()["gh100"], frozenset(first.metric_names())).metrics)
    for index in range(actions.num_actions()):
        extraction.extract_ncu_action_data(actions[index], metrics)
    return {"seconds": time.perf_counter() - start, "launches": actions.num_actions(), "peak_mb": _own_peak() / 1e3}


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _run(contestant: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", contestant, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("launches", nargs="*", type=int, default=[1000, 10000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(globals()[options.child[0]](options.child[1])))
        return
    print(f"{'launches':>9} {'roofprof':>9} {'ncu-report':>11} {'ratio':>6} {'peak':>9} {'its peak':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.launches:
            path = make(count, Path(folder) / f"{count}.ncu-rep")
            rounds = [(_run("roofprof", path), _run("ncu", path)) for _ in range(options.rounds)]
            a, b = (statistics.median(r[i]["seconds"] for r in rounds) for i in (0, 1))
            ratio = statistics.median(x["seconds"] / y["seconds"] for x, y in rounds)
            peaks = (max(r[i]["peak_mb"] for r in rounds) for i in (0, 1))
            print(f"{count:9} {a:7.2f} s {b:9.2f} s {ratio:6.2f}", *(f"{peak:6.0f} MB" for peak in peaks))
        smallest = Path(folder) / f"{min(options.launches)}.ncu-rep"
        if importlib.util.find_spec("nsight"):
            mine, its = _run("roofprof", smallest)["seconds"], _run("nsight", smallest)["seconds"]
            print(f"nsight, {min(options.launches)} launches: {its:.2f} s, {its / mine:.1f}x roofprof's ({mine:.2f} s)")
        else:
            print("nsight-python is not installed: pip install -e '.[bench]'")


if __name__ == "__main__":
    main()
