"""What only 2 or 4 GPUs can show, in steps with a time limit each; a table last, whatever happens before.

    scripts/gpu-ranks [--ranks N] [--out DIR] [--work DIR] [--limit SECONDS] [STEP...]

Steps that are done (OUT/STEP.json says ok) are not done again unless they are named. Needs no installation: the Python
that has torch, ncu and nsys. Results are small JSON files without names of machines or paths; reports and captures stay
in the work folder, where a later call finds them. --dry-run prints each step's commands and limit.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_ranks_reports import Failed
from gpu_ranks_run import Run
from gpu_ranks_steps import ceilings, collectives, doctor, kill, late, layer, numerics, peer


@dataclass(frozen=True)
class Step:
    """One step and the seconds that it may take."""

    run: Callable[[Run], dict[str, Any]]
    limit_s: int


STEPS = {
    "doctor": Step(doctor, 120),
    "numerics": Step(numerics, 180),
    "peer": Step(peer, 90),
    "collectives": Step(collectives, 280),
    "late": Step(late, 20),
    "kill": Step(kill, 200),
    "ceilings": Step(ceilings, 150),
    "layer": Step(layer, 480),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps and print the table; 1 when one failed or was not started."""
    parser = argparse.ArgumentParser(
        prog="scripts/gpu-ranks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--ranks", type=int, help="GPUs; all that nvidia-smi shows by default")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "out/gpu-ranks")))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "gpu-ranks")
    parser.add_argument("--limit", type=int, default=570, metavar="SECONDS", help="for all steps together")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.steps if name not in STEPS]:
        parser.error(f"unknown step {unknown[0]}; there are {', '.join(STEPS)}")
    run = Run(args.ranks or count_gpus(), args.out.absolute(), args.work.absolute(), args.dry_run)
    if run.ranks < 2:
        parser.error("fewer than 2 GPUs are here; --ranks says how many to use")
    for folder in (run.out, run.work):
        folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + args.limit
    rows = [do(run, name, end, named=bool(args.steps)) for name in args.steps or STEPS]
    if run.dry:
        return 0
    table = "\n".join(f"{name:<12} {verdict:<10} {seconds:>6.0f} s  {words}" for name, verdict, seconds, words in rows)
    print(f"\n{table}")
    (run.out / "table.txt").write_text(table + "\n", encoding="utf-8")
    return int(any(verdict in ("FAILED", "not begun") for _, verdict, _, _ in rows))


def do(run: Run, name: str, end: float, named: bool) -> tuple[str, str, float, str]:
    """One step: its name, verdict, seconds and words."""
    step, target, start = STEPS[name], run.out / f"{name}.json", time.monotonic()
    if not named and not run.dry and target.is_file() and json.loads(target.read_text()).get("verdict") == "ok":
        return name, "done", 0.0, "before"
    if run.dry:
        print(f"{name}, at most {step.limit_s} s: {(step.run.__doc__ or '').splitlines()[0]}")
        step.run(run)
        return name, "dry", 0.0, ""
    if end - start < 15:
        return name, "not begun", 0.0, "no time left: call again"
    print(f"{name} ...", flush=True)
    run.deadline, run.logs = min(start + step.limit_s, end), []
    verdict, words, result = "ok", "", {}
    try:
        result = step.run(run)
    except Failed as failure:
        verdict, words = "FAILED", str(failure.args[0])
        result = failure.args[1] if len(failure.args) > 1 else {}
    except Exception as error:  # one step's fault must not hide the others'
        verdict, words = "FAILED", f"{type(error).__name__}: {error}"
    words = scrubbed(run, words)
    seconds = time.monotonic() - start
    data = {
        "step": name,
        "ranks": run.ranks,
        "verdict": verdict,
        "seconds": round(seconds, 1),
        "words": words,
        **result,
    }
    target.write_text(scrubbed(run, json.dumps(data, indent=1)) + "\n", encoding="utf-8")
    if verdict != "ok":
        tail = scrubbed(run, "\n".join(run.logs))[-6000:]
        (run.out / f"{name}.log").write_text(tail, encoding="utf-8")
        print(f"    {words}\n" + "\n".join(f"    {line}" for line in tail.splitlines()[-12:]), flush=True)
    (run.out / "last.log").unlink(missing_ok=True)
    return name, verdict, seconds, words[:100]


def scrubbed(run: Run, text: str) -> str:
    """A text without this machine's name and folders."""
    for word in (str(run.out), str(run.work), sys.prefix, str(Path.cwd()), os.uname().nodename, str(Path.home())):
        if len(word) > 2:
            text = text.replace(word, "…")
    return text


def count_gpus() -> int:
    """GPUs that nvidia-smi shows."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())
