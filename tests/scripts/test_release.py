"""What a tag starts: the steps of .github/workflows/release.yml as they stand, and what they refuse."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roofprof

yaml: Any = pytest.importorskip("yaml")

TAG = f"v{roofprof.__version__}"
CHANGELOG = """# Changes

## Unreleased

### Added

- Not yet.

## {version} (2026-12-01)

### Added

- What it has.

## {version}.dev1

- An earlier one.
"""
STUBS = {
    "gh": 'echo "gh $*" >> calls.txt; cat notes/notes.md >> calls.txt',
    "python": f'mkdir -p new/bin; ln -s {sys.executable} new/bin/python\n'
    'echo "#!/bin/bash" > new/bin/roofprof; echo "echo roofprof \\$* >> calls.txt" >> new/bin/roofprof; '
    "chmod +x new/bin/roofprof",
}  # fmt: skip


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A checkout with a changelog, and a stub of what builds."""

    def make(changelog: str) -> Path:
        folder = tmp_path / "checkout"
        (folder / "scripts").mkdir(parents=True)
        (folder / "roofprof").mkdir()
        (folder / "CHANGELOG.md").write_text(changelog)
        for name in ("scripts/release-notes", "roofprof/__init__.py"):
            (folder / name).write_bytes((root / name).read_bytes())
        build = 'mkdir -p "$1"; touch "$1/roofprof.whl" "$1/roofprof.tar.gz"'
        (folder / "scripts/check-dist").write_text(f"#!/bin/bash\n{build}\n")
        for path in (folder / "scripts").iterdir():
            path.chmod(0o755)
        return folder

    return make


def notes(folder: Path, tag: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "scripts/release-notes", tag], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_notes_are_the_section_of_the_version(checkout: Callable[[str], Path]) -> None:
    folder = checkout(CHANGELOG.format(version=roofprof.__version__))
    assert notes(folder, TAG) == (0, "### Added\n\n- What it has.\n", "")


@pytest.mark.parametrize(
    ("changelog", "tag", "said"),
    [
        (CHANGELOG.format(version=roofprof.__version__), "v9.9.9", "the tag is v9.9.9, and roofprof/__init__.py holds"),
        (CHANGELOG.format(version=roofprof.__version__), roofprof.__version__, f"hint: tag {TAG}"),
        (CHANGELOG.format(version="9.9.9"), TAG, f"CHANGELOG.md has nothing below ## {roofprof.__version__}"),
        (f"# Changes\n\n## {roofprof.__version__}\n\n## 0.0.1\n\n- Old.\n", TAG, "has nothing below"),
    ],
)
def test_what_cannot_be_released_is_refused(
    checkout: Callable[[str], Path], changelog: str, tag: str, said: str
) -> None:
    code, out, err = notes(checkout(changelog), tag)
    assert (code, out) == (1, "")
    assert said in err


def test_the_steps_of_the_workflow(root: Path, checkout: Callable[[str], Path], tmp_path: Path) -> None:
    folder = checkout(CHANGELOG.format(version=roofprof.__version__))
    (tools := tmp_path / "tools").mkdir()
    for name, body in STUBS.items():
        (tools / name).write_text(f"#!/bin/bash\nset -e\n{body}\n")
        (tools / name).chmod(0o755)
    (tools / "python3").symlink_to(sys.executable)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "GITHUB_REF_NAME": TAG}
    workflow = yaml.safe_load((root / ".github/workflows/release.yml").read_text())
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            if "run" in step:
                script = step["run"].replace("-m pip install", "-c 'import sys; sys.exit(len(sys.argv) != 2)'")
                subprocess.run(
                    ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                    cwd=folder, env=environment, check=True, timeout=60,
                )  # fmt: skip
        if name == "build":  # what the next jobs are given as artifacts
            (folder / "notes").mkdir()
            (folder / "notes.md").rename(folder / "notes/notes.md")
    assert (folder / "calls.txt").read_text() == (
        f"roofprof demo\ngh release create {TAG} dist/roofprof.tar.gz dist/roofprof.whl --verify-tag --title roofprof "
        f"{TAG} --notes-file notes/notes.md\n### Added\n\n- What it has.\n"
    )


def test_only_a_tag_publishes_and_only_that_job_has_an_identity(root: Path) -> None:
    workflow = yaml.safe_load((root / ".github/workflows/release.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true
    jobs = workflow["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "build": None, "try": "build", "publish": "try", "release": "publish",
    }  # fmt: skip
    rights = {name: job.get("permissions", {}) for name, job in jobs.items()}
    assert [name for name, given in rights.items() if "id-token" in given] == ["publish"]
    assert [name for name, given in rights.items() if given.get("contents") == "write"] == ["release"]
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert not [step for step in jobs["publish"]["steps"] if "run" in step], "nothing of ours runs with that identity"


def test_ci_and_release_try_every_python_that_is_declared(root: Path) -> None:
    declared = re.findall(r"Python :: (3\.\d+)", (root / "pyproject.toml").read_text())
    for name, jobs in {"ci": ("test", "dist"), "release": ("try",)}.items():
        workflow = yaml.safe_load((root / f".github/workflows/{name}.yml").read_text())
        for job in jobs:
            assert workflow["jobs"][job]["strategy"]["matrix"]["python"] == declared
