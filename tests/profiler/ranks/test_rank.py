"""`roofprof rank` under torchrun as a user starts it: one run or all of them, each with a rendezvous of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stub_tools import write_script

from roofprof.own_python import module_command
from roofprof.profiler.ranks.directory import merged_manifest
from roofprof.profiler.ranks.peers import STATUS, Peers
from roofprof.profiler.ranks.place import RankPlace
from roofprof.profiler.ranks.summary import shown_ranks

RUNNING = """#!{python}
import subprocess, sys
from pathlib import Path
args = sys.argv[1:]
if "--version" in args:
    print("Version 2025.3.1.0")
    sys.exit(0)
out = Path(args[args.index("-o") + 1])
code = subprocess.run(args[args.index("-o") + 2 :]).returncode
out.write_bytes(Path({sample!r}).read_bytes())
if code:
    print(f"==ERROR== The application returned an error code ({{code}}).")
sys.exit(code)
"""


@pytest.fixture
def running(tools: Path, sample: Path, gpus_here: Callable[..., None]) -> None:
    """An ncu that runs the workload, on two GPUs."""
    gpus_here(2)
    write_script(tools / "ncu", RUNNING.format(python=sys.executable, sample=str(sample)))


def ranks(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    launcher = ["--standalone", "--nproc-per-node", "2", "--no-python", "--"]
    rank = module_command("roofprof", "rank", "-o", str(folder), "--no-nsys", *words)
    command = module_command("torch.distributed.run", *launcher, *rank)
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=env)


def manifest(folder: Path, rank: int) -> Any:
    return json.loads((folder / f"rank00{rank}" / "manifest.json").read_text())


WORKLOAD = ["--", sys.executable, "-m", "roofprof.harness.parallel.collectives", "--device", "cpu", "--mib", "1"]


@pytest.mark.slow
@pytest.mark.usefixtures("running")
def test_all_runs_follow_each_other_in_one_start(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tmp_path / "out"
    done = ranks(folder, *WORKLOAD)
    assert done.returncode == 0, done.stdout + done.stderr
    for rank in range(2):
        found = manifest(folder, rank)
        assert found["state"] == "complete"
        assert [run["name"] for run in found["runs"]] == ["core", "cuda_core", "link"]
        assert found["workload"] == "command"
        assert found["rank"]["count"] == 2
    assert not list(folder.glob("ranks.json")), "only capture --ranks knows of all"


@pytest.mark.slow
@pytest.mark.usefixtures("running")
def test_one_run_at_a_time_by_the_environment(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tmp_path / "out"
    for number, run in enumerate(("core", "link"), 1):
        assert ranks(folder, *WORKLOAD, ROOFPROF_RUN=run).returncode == 0
        found = manifest(folder, 1)
        assert [row["name"] for row in found["runs"]] == ["core", "link"][:number]
        assert found["state"] == "partial"
    again = ranks(folder, *WORKLOAD, ROOFPROF_RUN="core")
    assert again.returncode != 0
    assert "holds workload-core-cold already" in again.stderr
    unknown = ranks(folder, *WORKLOAD, ROOFPROF_RUN="cores")
    assert "error: no run is named 'cores'" in unknown.stderr


def test_without_a_launcher_it_says_what_to_do() -> None:
    env = {name: value for name, value in os.environ.items() if not name.endswith(("RANK", "PROCID"))}
    command = module_command("roofprof", "rank", "-o", "somewhere", "--", "true")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 2
    assert "error: no launcher started this rank" in done.stderr


def test_a_failure_counts_in_its_own_run_and_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = (Peers(tmp_path, RankPlace(rank, rank, 2, "torchrun")) for rank in range(2))
    monkeypatch.setenv("ROOFPROF_SESSION", "one")
    other.begin("core")
    other.end("failed", "out of memory")
    ours.begin("core")
    assert ours.look() == (1, "out of memory")
    assert ours.failed() == (1, "out of memory")
    assert ours.failed() is None, "looked up once a second"
    ours.begin("link")
    assert ours.look() is None
    monkeypatch.setenv("ROOFPROF_SESSION", "two")
    ours.begin("core")
    assert ours.look() is None
    other.begin("core")
    other.end("complete")
    assert ours.look() is None
    (tmp_path / STATUS / "rank001.json").write_text("{broken")
    assert ours.look() is None


def test_a_newer_run_takes_the_place_of_the_same_one() -> None:
    def row(name: str, state: str, report: str | None = None) -> dict[str, Any]:
        return {"phase": "decode", "name": name, "cache": "cold", "state": state, "report": report}

    earlier = {
        "runs": [row("core", "failed"), row("link", "complete", "ncu/link.ncu-rep")], "nsys": [],
        "gpu": {"name": "H100"}, "versions": {"ncu": "2025.3", "nsys": None}, "notes": ["a"],
        "cases": [{"phase": "decode", "implementations": {"rope": "torch"}}],
    }  # fmt: skip
    new = {
        "runs": [row("core", "complete", "ncu/core.ncu-rep")], "gpu": None, "versions": {"ncu": None, "nsys": "2025.3"},
        "notes": ["a", "b"], "cases": [{"phase": "decode"}],
    }  # fmt: skip
    found = merged_manifest(earlier, new, 2)
    assert [(run["name"], run["state"]) for run in found["runs"]] == [("link", "complete"), ("core", "complete")]
    assert found["state"] == "complete"
    assert found["merge"] == [["ncu/core.ncu-rep", "ncu/link.ncu-rep"]], "the run whose launches count comes first"
    assert found["gpu"] == {"name": "H100"}
    assert found["versions"] == {"ncu": "2025.3", "nsys": "2025.3"}
    assert found["notes"] == ["a", "b"]
    assert found["cases"] == earlier["cases"]
    assert merged_manifest(earlier, new, 3)["state"] == "partial"
    assert merged_manifest({}, {"runs": [row("core", "failed")]}, 1)["state"] == "failed"


@pytest.mark.parametrize(
    ("ranks", "words"), [((0, 1, 3), "0, 1, 3"), ((5, 0, 1, 2, 7), "0 to 2, 5, 7"), ((), ""), ((4,), "4")]
)
def test_ranks_in_words(ranks: tuple[int, ...], words: str) -> None:
    assert shown_ranks(ranks) == words
