"""Without the extra, a frame of pandas is an error that names it."""

import subprocess
import sys
from pathlib import Path

import pytest


def _without(*packages: str) -> str:
    """Code after which they are not installed."""
    return (
        "import sys\n"
        "import importlib.machinery as machinery\n"
        "found = machinery.PathFinder.find_spec\n"
        "def find_spec(name, path=None, target=None):\n"
        f"    return None if name.partition('.')[0] in {packages!r} else found(name, path, target)\n"
        "machinery.PathFinder.find_spec = find_spec"
    )


@pytest.mark.parametrize("absent", ["pandas", "pyarrow"])
def test_without_the_extra_the_error_names_it(absent: str, tmp_path: Path) -> None:
    code = (
        f"{_without(absent)}\n"
        "import polars\n"
        "from roofprof.errors import RoofprofError\n"
        "from roofprof.reports.pandas_frame import pandas_frame\n"
        "try:\n"
        "    pandas_frame(polars.DataFrame({'a': [1]}))\n"
        "except RoofprofError as error:\n"
        "    print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "pip install pandas pyarrow\n"


def test_every_file_of_an_analysis_is_written_without_the_extra(data: Path, tmp_path: Path) -> None:
    code = f"{_without('pandas', 'pyarrow')}\nfrom roofprof.cli import run\nsys.exit(run(sys.argv[1:]))"
    words = ["analyze", str(data / "h100-decode-b64-s4096.ncu-rep"), "--only", "topk", "-o", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=True, cwd=tmp_path)
    assert (tmp_path / "out/ops.parquet").stat().st_size
