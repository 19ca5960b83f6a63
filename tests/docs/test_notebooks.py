"""Notebooks of the documentation: each runs from top to bottom where roofprof is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
RUN = "import sys, nbformat, nbclient; nbclient.execute(nbformat.read(sys.argv[1], 4)); print('ran')"
"""In a process of its own: what Jupyter warns of is not ours."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(root))
    done = subprocess.run([sys.executable, "-c", RUN, str(path)], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "ran\n", done.stderr[-3000:]
    assert (tmp_path / "roofprof-demo" / "deepseek-r1" / "manifest.json").is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, 4).cells
    assert [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []
