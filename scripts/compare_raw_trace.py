"""Traces a few ops of the layer with nsys and compares roofprof's projection with nsys stats; see compare_nsys_stats.

The raw trace holds the whole environment, so it lies in a folder for this user alone and is deleted. Exits with 77
where nsys or torch is missing.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from roofprof.profiler.nsys.command import find_nsys, nsys_command

COMPARE = Path(__file__).parent / "compare_nsys_stats.py"
HARNESS = ("-m", "roofprof.harness.run", "--batch", "1", "--repeats", "3", "--only", "layernorm|rope|kv_write|router")


def main() -> None:
    """Trace, compare, delete."""
    nsys = find_nsys()
    if nsys is None or importlib.util.find_spec("torch") is None:
        print("no nsys" if nsys is None else "no torch")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        trace = Path(folder, "raw")
        subprocess.run(nsys_command(nsys, trace, [sys.executable, *HARNESS]), check=True)
        done = subprocess.run([sys.executable, str(COMPARE), f"{trace}.nsys-rep"], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
