"""`roofprof --help` beside `python -c "import typer"`, turn about."""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "import typer": [sys.executable, "-c", "import typer"],
    "roofprof --help": [sys.executable, "-m", "roofprof", "--help"],
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(21):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            times[name].append(time.perf_counter() - start)
    a, b = (statistics.median(times[name][1:]) for name in COMMANDS)
    pairs = statistics.median(y / x for x, y in zip(*times.values(), strict=True))
    print(f"import typer {a * 1e3:.0f} ms, roofprof --help {b * 1e3:.0f} ms, ratio {pairs:.2f}")


if __name__ == "__main__":
    main()
