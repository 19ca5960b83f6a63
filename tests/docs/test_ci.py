"""docs/ci: the steps of both workflows, run as they stand with a recorded capture in place of a GPU."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.results.report import RooflineReport

yaml: Any = pytest.importorskip("yaml")

STUBS = {
    "pip": 'test "$*" = "install roofprof"',
    "gh": 'echo "gh $*" >> calls.txt; cat diff.md >> calls.txt',
    "curl": 'echo "curl $*" >> calls.txt; cat diff.md >> calls.txt',
    "roofprof": 'if [ "$1" = capture ]; then mkdir -p capture && cp "$ANALYSIS" capture/report.json; exit; fi\n'
    f'exec {sys.executable} -m roofprof "$@"',
}


class Runner:
    """What runs a workflow's steps, in one folder."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        tools = folder / "tools"
        tools.mkdir()
        for name, body in STUBS.items():
            (tools / name).write_text(f"#!/bin/bash\nset -e\n{body}\n")
            (tools / name).chmod(0o755)
        self.environment = {
            **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(root),
            "GITHUB_STEP_SUMMARY": "summary.md", "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "12", "ROOFPROF_TOKEN": "token",
        }  # fmt: skip

    def shell(self, script: str, extra: dict[str, str]) -> int:
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(words, cwd=self.folder, env=self.environment | extra, check=False, timeout=120).returncode

    def github(self, event: str, analysis: Path) -> int:
        """The exit code of the first step that fails."""
        jobs = yaml.safe_load((self.root / "docs/ci/github-actions.yml").read_text())["jobs"]
        for job in jobs.values():
            for step in job["steps"]:
                wanted = step.get("if", f"github.event_name == '{event}'") == f"github.event_name == '{event}'"
                if "run" in step and wanted:
                    values = dict.fromkeys(step.get("env", {}), "12")
                    if code := self.shell(step["run"], {**values, "ANALYSIS": str(analysis)}):
                        return code
        return 0

    def gitlab(self, event: str, analysis: Path) -> int:
        """The exit code of the first job that fails."""
        jobs = yaml.safe_load((self.root / "docs/ci/gitlab-ci.yml").read_text())
        for name in {"pull_request": ("capture", "compare"), "push": ("capture", "baseline")}[event]:
            if code := self.shell("\n".join(jobs[name]["script"]), {"ANALYSIS": str(analysis)}):
                return code
        return 0


@pytest.fixture
def analyses(analyzed: Callable[[str], RooflineReport], tmp_path: Path) -> tuple[Path, Path]:
    """Decode at batch 64, and the same with one op a tenth slower."""
    whole = analyzed("h100-fp8")
    ops = [op for op in whole.ops if (op.phase, op.batch) == ("decode", 64)]
    slowed = [
        replace(op, nsys_union_ns=op.nsys_union_ns * 1.1) if op.op == "moe_down" and op.nsys_union_ns else op
        for op in ops
    ]
    paths = tmp_path / "same.json", tmp_path / "slower.json"
    for path, rows in zip(paths, (ops, slowed), strict=True):
        path.write_text(replace(whole, ops=rows).to_json())
    return paths


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_the_steps_of_a_workflow(root: Path, tmp_path: Path, analyses: tuple[Path, Path], service: str) -> None:
    (folder := tmp_path / "run").mkdir()
    run = getattr(Runner(root, folder), service)
    same, slower = analyses
    calls = folder / "calls.txt"

    assert run("pull_request", same) == 2, "no baseline yet"
    assert "exit code 2" in calls.read_text()
    (folder / "diff.md").unlink()  # every job starts with a clean checkout
    assert run("push", same) == 0
    assert (folder / "roofprof-baselines/main.json").exists()

    calls.unlink()
    assert run("pull_request", same) == 0
    assert "gate 3 % on verdicts: passed" in calls.read_text()
    assert run("pull_request", slower) == 1
    comment = calls.read_text()
    assert "moe_down regressed" in comment
    asked = {"github": "gh pr comment 12 --edit-last", "gitlab": "/projects/7/merge_requests/12/notes"}
    assert asked[service] in comment
