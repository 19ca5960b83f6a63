"""What roofprof's work costs beside what it cannot do without, and beside another version of it: a Markdown table.

    python benchmarks/run.py [--old CHECKOUT] [--launches N] [--kernels N] [--rounds N] [--only WORD ...] [--growth]

CPU seconds are user and system time of a process and its children. Contestants take turns; ratios are medians of the
ratios within a round; reading of many launches takes at most three, analysing them one. Nothing is asserted. By default
it ends in minutes; README's table of the trace is of --kernels 5000000.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import growth
import large_analysis
import large_report
from measure import Contestant, Cost, Rounds, command, peak, ratio, seconds, take_turns
from nsys_projection import generate

RANGES_PER_KERNEL = 5
"""A range for so many kernels."""

READ_IMPORTS = """
import sys
try:
    from roofprof.parsers.ncu.report import read_ncu_report
    from roofprof.parsers.ncu import frame, reader, whole
except ModuleNotFoundError:  # before 2026-11-23
    from roofprof.parsers.ncu_report import read_ncu_report
"""
READ = f"{READ_IMPORTS}read_ncu_report(sys.argv[1])"

NCU_REPORT_IMPORTS = """
import sys
import ncu_report
from roofprof.hardware.chip import chips
from roofprof.parsers.ncu.columns import plan_columns
"""
NCU_REPORT_LOOP = f"""{NCU_REPORT_IMPORTS}
actions = ncu_report.load_report(sys.argv[1])[0]
metrics = ()
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
"""

IMPORTS = "import polars, typer"
IMPORTS_OF = "imports of "
"""In front of a contestant's name: its imports alone."""
DRAWING = "import matplotlib.figure, matplotlib.backends.backend_agg, polars, typer"


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table."""

    name: str
    ours: Contestant
    beside: str = ""
    """What `other` is, in words."""
    other: Contestant | None = None
    """What the work cannot cost less than, or another's way of doing it."""
    most_rounds: int | None = None
    """Of those that take minutes in an older version, and are enough work for few to say enough."""
    imports: tuple[Contestant, Contestant] | None = None
    """What ours and `other` import: a row of its own shows both without them."""


def works(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Work]]]:
    """Every row by a word for --only; its input is made when it is asked for."""
    yield "small", partial(_small)
    yield "help", partial(Work, "roofprof --help", command("--help"), "import typer", Contestant("import typer"))
    for count, word in ((options.launches, "launches"), (5 * options.launches, "many-launches")):
        if word == "launches":
            yield "read", partial(_read, folder, count)
        yield word, partial(_analyze, folder, count)
    yield "timeline", partial(_timeline, folder, options.kernels)
    for ops in (52, 2000):
        yield "picture", partial(_saved, folder, ops, "png", DRAWING)
    yield "html", partial(_saved, folder, 2000, "html", IMPORTS)


def _read(folder: Path, count: int) -> Work:
    path = str(large_report.make(count, folder / f"{count}.ncu-rep"))
    other = Contestant(NCU_REPORT_LOOP, (path,))
    imports = Contestant(READ_IMPORTS), Contestant(NCU_REPORT_IMPORTS)
    return Work(f"read {count:,} launches", Contestant(READ, (path,)), "ncu_report's own loop", other, 3, imports)


def _analyze(folder: Path, count: int) -> Work:
    path = folder / f"{count}.ncu-rep"
    return Work(f"analyze {count:,} launches", command("analyze", str(large_report.make(count, path))), most_rounds=1)


def _small() -> Work:
    ours = command("analyze", str(large_report.SOURCE))
    return Work("analyze 118 launches", ours, IMPORTS, Contestant(IMPORTS))


def _timeline(folder: Path, kernels: int) -> Work:
    path, ranges = folder / "trace.sqlite", kernels // RANGES_PER_KERNEL
    generate(path, kernels, ranges)
    return Work(f"timeline of {kernels:,} kernels, {ranges:,} ranges", command("timeline", str(path)))


def _saved(folder: Path, ops: int, suffix: str, imports: str) -> Work:
    path = large_analysis.make(ops, folder / f"{ops}.json")
    ours = command("report", str(path), "-o", str(folder / f"out.{suffix}"))
    return Work(f"{suffix} of {ops:,} ops", ours, imports, Contestant(imports))


def _rows(work: Work, old: Path | None, rounds: int) -> Iterator[str]:
    contestants = {"ours": work.ours}
    if work.other:
        contestants["other"] = work.other
    if old:
        contestants["old"] = replace(work.ours, checkout=old)
    if work.imports:
        contestants |= {f"{IMPORTS_OF}{name}": one for name, one in zip(("ours", "other"), work.imports, strict=True)}
        if old:
            contestants[f"{IMPORTS_OF}old"] = replace(work.imports[0], checkout=old)
    found: Rounds = take_turns(contestants, min(rounds, work.most_rounds or rounds))
    yield _row(work.name, work.beside, found, old is not None)
    if work.imports:
        without = [_without_imports(costs) for costs in found]
        yield _row(f"{work.name}, imports taken off", f"{work.beside}, likewise", without, old is not None)


def _without_imports(costs: Mapping[str, Cost]) -> dict[str, Cost]:
    """The costs of a round beyond those of importing."""
    pairs = {name: costs.get(f"{IMPORTS_OF}{name}") for name in costs if not name.startswith(IMPORTS_OF)}
    return {name: replace(costs[name], cpu_s=costs[name].cpu_s - taken.cpu_s) for name, taken in pairs.items() if taken}


def _row(name: str, beside: str, found: Rounds, with_old: bool) -> str:
    cells = [name, _seconds(found, "ours"), _megabytes(found, "ours"), beside]
    cells += [_times(found, "ours", "other")]
    if with_old:
        cells += [_seconds(found, "old"), _megabytes(found, "old"), _times(found, "old", "other")]
        cells += [_times(found, "ours", "old")]
    return f"| {' | '.join(cells)} |"


def _seconds(rounds: Rounds, name: str) -> str:
    value = seconds(rounds, name)
    return "—" if value is None else f"{value:.2f}"


def _megabytes(rounds: Rounds, name: str) -> str:
    value = peak(rounds, name)
    return "—" if value is None else f"{value / 1e6:.0f}"


def _times(rounds: Rounds, name: str, other: str) -> str:
    value = ratio(rounds, name, other)
    return "" if value is None else f"{value:.2f}x"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, metavar="CHECKOUT", help="another version, side by side")
    parser.add_argument("--launches", type=int, default=10_000)
    parser.add_argument("--kernels", type=int, default=500_000, help="of the trace; a fifth as many ranges")
    parser.add_argument("--rounds", type=int, default=3)
    rows = "small, help, read, launches, many-launches, timeline, picture, html"
    parser.add_argument("--only", nargs="+", metavar="WORD", help=f"rows: {rows}")
    parser.add_argument("--growth", action="store_true", help="print how time grows from 1x to 10x instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="roofprof-") as temporary:
        folder = Path(temporary)
        if options.growth:
            growth.print_table(folder, options.rounds)
            return
        heads = ["work", "CPU s", "peak MB", "beside", "ratio"]
        heads += ["old CPU s", "old peak MB", "old ratio", "of old"] if options.old else []
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
        for word, make in works(folder, options):
            if not options.only or word in options.only:
                for row in _rows(make(), options.old and options.old.resolve(), options.rounds):
                    print(row, flush=True)


if __name__ == "__main__":
    main()
