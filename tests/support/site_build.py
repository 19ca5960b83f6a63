"""The documentation site, built once for the tests of a module."""

import subprocess
import sys
from pathlib import Path

import pytest
import site_pages


def build_site(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site of a folder that holds mkdocs.yml and build/site/pages."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "mkdocs.yml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built where nothing else is."""
    folder = tmp_path_factory.mktemp("site")
    site_pages.write_pages(folder / "build/site/pages")
    (folder / "mkdocs.yml").write_text((root / "mkdocs.yml").read_text(encoding="utf-8"), encoding="utf-8")
    done = build_site(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build/site/html"
