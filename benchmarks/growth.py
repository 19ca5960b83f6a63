"""How CPU time grows from 1x to 10x: launches, ops, findings, rows of a trace. `python benchmarks/run.py --growth`."""

import math
import statistics
from pathlib import Path

import large_analysis
import large_report
from measure import Contestant, Rounds, command, take_turns
from nsys_projection import generate

FACTOR = 10


def print_table(folder: Path, rounds: int) -> None:
    """Print the exponents: 1 is linear. What the smallest input costs, imports above all, is taken off both sizes."""
    print("| what grows | from | to | CPU s | CPU s | exponent |\n|---|---|---|---|---|---|", flush=True)
    for name, size, make in (
        ("launches, to the table", 2_000, _launches),
        ("ops, to every file", 200, _ops),
        ("ops, to a picture", 200, _picture),
        ("findings, to every file", 2_000, _findings),
        ("kernels and ranges of a trace", 50_000, _trace),
    ):
        sizes = {"least": 1, "1x": size, "10x": size * FACTOR}
        found = take_turns({label: make(folder, count) for label, count in sizes.items()}, rounds)
        small, large = _beyond(found, "1x"), _beyond(found, "10x")
        exponent = f"{math.log(large / small, FACTOR):.2f}" if small > 0 and large > 0 else "—"
        print(f"| {name} | {size:,} | {size * FACTOR:,} | {small:.2f} | {large:.2f} | {exponent} |", flush=True)


def _beyond(rounds: Rounds, name: str) -> float:
    """Median CPU time beyond that of the least input."""
    values = [one[name].cpu_s - one["least"].cpu_s for one in rounds if {name, "least"} <= set(one)]
    return statistics.median(values) if values else math.nan


def _launches(folder: Path, count: int) -> Contestant:
    return command("analyze", str(large_report.make(count, folder / f"{count}.ncu-rep")))


def _ops(folder: Path, count: int) -> Contestant:
    path = large_analysis.make(count, folder / f"{count}-ops.json")
    # Not the picture, whose growth stands apart.
    code = "import sys\nfrom roofprof.__main__ import main\n" + "".join(
        f"sys.argv[1:] = ['report', {str(path)!r}, '-o', {str(folder / f'out{suffix}')!r}]\n{_CALL}"
        for suffix in (".md", ".html", ".csv")
    )
    return Contestant(code)


_CALL = "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"


def _picture(folder: Path, count: int) -> Contestant:
    path = large_analysis.make(count, folder / f"{count}-ops.json")
    return command("report", str(path), "-o", str(folder / "out.png"))


def _findings(folder: Path, count: int) -> Contestant:
    ops = min(count, 100)
    path = large_analysis.make(ops, folder / f"{count}-findings.json", count // ops)
    return command("analyze", str(path), "-o", str(folder / f"{count}-findings"))


def _trace(folder: Path, count: int) -> Contestant:
    path = folder / f"{count}.sqlite"
    generate(path, count, max(1, count // 5))
    return command("timeline", str(path))
