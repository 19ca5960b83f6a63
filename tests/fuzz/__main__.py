"""Runs every case, or those of some kinds, and prints the table of docs/robustness.md: `scripts/fuzz [WORD...]`."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from all_cases import all_cases
from cases import Case
from command_line import CommandLine
from outcomes import Outcome, Verdict

ALWAYS = (Outcome.REFUSED, Outcome.UNCHANGED, Outcome.SAID, Outcome.SILENT)


def run_case(case: Case, roofprof: CommandLine) -> Verdict:
    """One case in an empty folder of its own."""
    with tempfile.TemporaryDirectory(prefix="roofprof-fuzz-", ignore_cleanup_errors=True) as folder:
        return case.run(Path(folder), roofprof)


def table(found: Sequence[tuple[Case, Verdict]]) -> str:
    """The table in Markdown; columns that must stay empty appear where they are not."""
    counts: dict[str, Counter[Outcome]] = {}
    for case, verdict in found:
        counts.setdefault(case.kind, Counter())[verdict.outcome] += 1
    columns = [o for o in Outcome if o in ALWAYS or any(c[o] for c in counts.values())]
    lines = [
        "| kind | tried | " + " | ".join(str(c) for c in columns) + " |",
        "|---|" + "---:|" * (len(columns) + 1),
    ]
    total: Counter[Outcome] = Counter()
    for kind, count in counts.items():
        total += count
        lines.append(f"| {kind} | {count.total()} | " + " | ".join(str(count[c]) for c in columns) + " |")
    lines.append(f"| **all** | {total.total()} | " + " | ".join(str(total[c]) for c in columns) + " |")
    return "\n".join(lines)


def main() -> int:
    """Exit code 1 where a case ends as it must not."""
    parser = argparse.ArgumentParser("scripts/fuzz", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose `kind: name` holds one of these words")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="cases at once")
    parser.add_argument("-o", "--output", type=Path, help="write every verdict here, one JSON line per case")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every case that ends as it must not")
    options = parser.parse_args()
    wanted = [c for c in all_cases() if not options.words or any(w in c.label for w in options.words)]
    free: SimpleQueue[CommandLine] = SimpleQueue()
    for _ in range(options.jobs):
        free.put(CommandLine())

    def run(case: Case) -> Verdict:
        roofprof = free.get()
        try:
            return run_case(case, roofprof)
        except Exception as error:
            return Verdict(Outcome.CRASH, f"the case itself failed: {type(error).__name__}: {error}")
        finally:
            free.put(roofprof)

    started, found = time.monotonic(), []
    lines = options.output.open("w", encoding="utf-8") if options.output else None
    with ThreadPoolExecutor(options.jobs) as pool:
        for case, verdict in zip(wanted, pool.map(run, wanted), strict=True):
            found.append((case, verdict))
            if lines:
                row = {"kind": case.kind, "name": case.name, "outcome": verdict.outcome, "note": verdict.note}
                print(json.dumps(row), file=lines, flush=True)
            if options.verbose and verdict.outcome not in case.wanted:
                print(f"{verdict.outcome}: {case.label}: {verdict.note}", file=sys.stderr, flush=True)
    while not free.empty():
        free.get().close()
    print(table(found))
    print(f"\n{len(found)} cases in {time.monotonic() - started:.0f} s", file=sys.stderr)
    if lines:
        lines.close()
    return int(any(verdict.outcome not in case.wanted for case, verdict in found))


if __name__ == "__main__":
    sys.exit(main())
