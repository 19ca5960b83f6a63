"""The package map, the links and the layers say the same."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


def test_every_package_folder_is_listed() -> None:
    tops = ["roofprof", *SETUPTOOLS["package-dir"].values()]
    folders = [
        found.parent.relative_to(ROOT)
        for top in tops
        for found in (ROOT / top).rglob("__init__.py")
        if not any(parent.is_symlink() for parent in found.parents)
    ]
    names = {".".join(f.parts if f.parts[0] == "roofprof" else ("roofprof", *f.parts)) for f in folders}
    assert names == set(SETUPTOOLS["packages"])


def test_every_mapped_folder_is_linked() -> None:
    for package, folder in SETUPTOOLS["package-dir"].items():
        assert (ROOT / package.replace(".", "/")).resolve() == ROOT / folder


def test_every_data_file_ships() -> None:
    shipped = {
        path
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).resolve().glob(pattern)
    }
    folders = [ROOT / "roofprof", *(ROOT / f for f in SETUPTOOLS["package-dir"].values())]
    data = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".toml", ".json", ".html", ".js", ".css"} and not any(p.is_symlink() for p in path.parents)
    }
    assert data <= shipped


def test_help_needs_typer_alone() -> None:
    heavy = ("polars", "matplotlib", "pandas", "ncu_report", "pyarrow", "numpy", "rich", "torch")
    code = (
        "import sys\n"
        "from roofprof.cli import run\n"
        "assert run(['--help']) == 0\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert "analyze" in done.stdout
