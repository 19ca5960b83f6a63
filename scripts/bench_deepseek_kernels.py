#!/usr/bin/env python3
"""Captures the DeepSeek-R1 layer's kernels on this machine's GPU and leaves all_kernels.csv.

    python bench_deepseek_kernels.py --phase all --output ../results/

Options that it does not know go to `roofprof capture`, --batch 1,64 for instance. docs/all-kernels.md explains the CSV.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BATCHES = "1,64,128"


def main(arguments: list[str]) -> int:
    """Capture, analyse, write; 0 or roofprof's own exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phase", default="all", choices=("decode", "prefill", "all"))
    parser.add_argument("--batch", default=BATCHES, help=f"decode: sequences (default {BATCHES})")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder for all_kernels.csv and the rest")
    parser.add_argument("--gpu", default="gb200", help="target GPU for the roofline (default gb200)")
    options, further = parser.parse_known_args(arguments)
    from roofprof.cli import run

    capture = options.output / "capture"
    command = ["capture", "--phase", options.phase, "--batch", options.batch, "-o", str(capture), *further]
    if code := run(command):
        return code
    if code := run(["analyze", str(capture), "--gpu", options.gpu, "-o", str(options.output)]):
        return code
    return run(["report", str(options.output), "-o", str(options.output / "all_kernels.csv")])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
