"""What a capture costs beside `ncu --set roofline` and beside the bare process: seconds and bytes, in one go.

    python benchmarks/capture_cost.py [--batch 64] [--only REGEX] [--without NAME ...]

Needs a GPU and ncu. Every contestant runs the same process, with the same launches between cudaProfilerStart and
Stop. Each figure is printed as it comes; ratios come last, of those that were run.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from roofprof.profiler.capture.jobs import dry_run
from roofprof.profiler.ncu.command import OPTIONS
from roofprof.profiler.ncu.plan import chip_of_gpu
from roofprof.profiler.run.gpu import need_gpu
from roofprof.profiler.run.job import Job
from roofprof.profiler.run.options import CaptureOptions

SOURCELESS = ("--import-sass", "0", "--import-source", "0")


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    size_bytes: int


def main() -> None:
    args = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        contestants = make_contestants(Path(folder), args.batch, args.only)
        costs = {}
        for name, commands in contestants.items():
            if name not in args.without:
                costs[name] = measure(commands, Path(folder) / name)
                print(f"{name:<24} {costs[name].seconds:8.1f} s {costs[name].size_bytes / 1e6:9.2f} MB", flush=True)
        for line in ratios(costs):
            print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--only", help="only ops matching this regex")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="contestants to leave out")
    return parser


def make_contestants(folder: Path, batch: int, only: str | None) -> dict[str, list[list[str]]]:
    """The commands of each, by name; what they write goes into a folder of that name."""
    options = CaptureOptions(output=folder, batch=(batch,), only=only, nsys=False)
    (part,) = dry_run(options, chip_of_gpu(need_gpu().compute_capability)).parts
    jobs = part.jobs
    bare = options.harness_command("decode", None, folder / "progress")
    roofline = [jobs[0].command[0], "--set", "roofline", "--clock-control", "none", "--nvtx"]
    roofline += ["--profile-from-start", "off"]
    capture = [sys.executable, "-m", "roofprof", "capture", "--phase", "decode", "--batch", str(batch), "--no-nsys"]
    capture += ["--only", only] if only else []

    def out(name: str) -> str:
        return str(folder / name / "report")

    return {
        "bare": [bare],
        "capture": [[*capture, "-o", str(folder / "capture")]],
        "two runs": [[*_ncu(jobs[:1]), "-o", out("two runs") + "1", *bare],
                     [*_ncu(jobs[1:2]), "-o", out("two runs") + "2", *bare]],
        "one run": [[*_ncu(jobs[:2]), "-o", out("one run"), *bare]],
        "roofline, no source": [[*roofline, *SOURCELESS, "-o", out("roofline, no source"), *bare]],
        "roofline": [[*roofline, "-o", out("roofline"), *bare]],
    }  # fmt: skip


def _ncu(jobs: Sequence[Job]) -> list[str]:
    """ncu with the counters of these jobs together."""
    metrics = dict.fromkeys(m for job in jobs for m in cast(list[str], job.facts["metrics"]))
    options = ["--nvtx", *OPTIONS, "--graph-profiling", "node", "--cache-control", "all", "--profile-from-start", "off"]
    return [jobs[0].command[0], *options, "--metrics", ",".join(metrics)]


def measure(commands: Sequence[Sequence[str]], folder: Path) -> Cost:
    """Run the commands one after the other; what they say is shown only where one fails."""
    if folder.name != "capture":  # which makes its own
        folder.mkdir()
    start = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command[:6])} ...: exit code {done.returncode}\n{done.stdout[-2000:]}")
    seconds = time.perf_counter() - start
    return Cost(seconds, sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()))


def ratios(costs: dict[str, Cost]) -> list[str]:
    """Extra time is what is beyond the bare process."""
    lines = []

    def compare(one: str, other: str, what: str, value: Callable[[Cost], float], extra: bool = False) -> None:
        if one in costs and other in costs and (not extra or "bare" in costs):
            base = value(costs["bare"]) if extra else 0.0
            below = value(costs[other]) - base
            ratio = f"{(value(costs[one]) - base) / below:.3f}" if below > 0 else "no extra to compare with"
            lines.append(f"{what} of {one} / {other}: {ratio}")

    for other in ("roofline", "roofline, no source"):
        compare("capture", other, "extra time", lambda c: c.seconds, extra=True)
        compare("capture", other, "size", lambda c: c.size_bytes)
    compare("two runs", "one run", "time", lambda c: c.seconds)
    return lines


if __name__ == "__main__":
    main()
