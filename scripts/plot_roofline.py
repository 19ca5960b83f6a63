#!/usr/bin/env python3
"""Draws the roofline of all_kernels.csv, and writes the document.

    python plot_roofline.py --input ../results/all_kernels.csv --output ../roofline.png --report ../roofline.md
    python plot_roofline.py --input ../results/all_kernels.csv --output ../roofline.png --by-phase

With --by-phase one picture per phase: roofline-decode.png, roofline-prefill.png.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(arguments: list[str]) -> int:
    """Read, draw, write; 0 or roofprof's own exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="all_kernels.csv, or report.json")
    parser.add_argument("--output", type=Path, required=True, help="the picture: .png, .svg or .pdf")
    parser.add_argument("--report", type=Path, help="the document too: .md or .html")
    parser.add_argument("--by-phase", action="store_true", help="one picture per phase")
    options = parser.parse_args(arguments)
    from roofprof.cli import run

    by_phase = ["--by-phase"] if options.by_phase else []
    code = run(["report", str(options.input), "-o", str(options.output), *by_phase])
    if not code and options.report:
        code = run(["report", str(options.input), "-o", str(options.report)])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
