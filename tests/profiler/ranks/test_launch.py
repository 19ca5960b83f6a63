"""Captures over several ranks: torchrun is real, its processes are `roofprof rank`, the profilers are stubs."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import RoofprofError, UsageError
from roofprof.profiler.ranks import launch
from roofprof.profiler.ranks.launch import capture_ranks
from roofprof.profiler.run.options import CaptureOptions

pytest.importorskip("torch")
Stubs = Callable[..., None]
DEADLINE_S = 60


@pytest.fixture
def ranked(options: CaptureOptions, gpus_here: Callable[..., None], rank_stubs: Stubs) -> CaptureOptions:
    """A capture of the decode layer on two of four GPUs, without graphs."""
    gpus_here(4)
    rank_stubs()
    return replace(options, ranks=2, tp=2, graph=False)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_every_rank_has_a_capture_of_its_own(ranked: CaptureOptions, all_bytes: Callable[[Path], bytes]) -> None:
    shown: list[str] = []
    result = capture_ranks(ranked, DEADLINE_S, lambda run: shown.append(f"{run.name}: {run.words}"))
    assert result.state == "complete"
    assert shown == [
        f"{name}: all 2 ranks"
        for name in ("decode-core-cold", "decode-cuda_core-cold", "decode-link-cold", "decode-eager")
    ]
    for rank in range(2):
        folder = ranked.output / f"rank00{rank}"
        manifest = read(folder / "manifest.json")
        assert manifest["state"] == "complete"
        assert manifest["rank"] == {
            "rank": rank, "local_rank": rank, "count": 2, "launcher": "torchrun", "local_count": 2,
        }  # fmt: skip
        assert [run["name"] for run in manifest["runs"]] == ["core", "cuda_core", "link"]
        assert manifest["merge"] == [[f"ncu/decode-{name}-cold.ncu-rep" for name in ("core", "cuda_core", "link")]]
        assert "nvltx__bytes_data_user.sum" in manifest["runs"][2]["metrics"]
        assert manifest["runs"][2]["expected_passes"] == 3
        assert [run.get("look") for run in manifest["runs"]] == [None, None, "communication"]
        assert ["--kernel-name" in run["ncu_args"] for run in manifest["runs"]] == [False, False, True]
        assert [row["trace"] for row in manifest["nsys"]] == ["nsys/decode-eager.sqlite"]
        assert manifest["gpu"]["name"] == "NVIDIA H100 80GB HBM3"
        assert manifest["request"]["ranks"] == manifest["request"]["tp"] == 2
        assert all((folder / row["report"]).is_file() for row in manifest["runs"])
        assert not (folder / ".partial").exists()
    summary = read(ranked.output / "ranks.json")
    assert (summary["state"], summary["count"], summary["tp"], summary["planned_runs"]) == ("complete", 2, 2, 4)
    assert str(ranked.output).encode() not in all_bytes(ranked.output)


def test_a_rank_that_fails_ends_the_others_and_what_is_whole_is_named(
    ranked: CaptureOptions, rank_stubs: Stubs
) -> None:
    rank_stubs(ncu={"0": "wait", "1": "crash"})
    began = time.monotonic()
    result = capture_ranks(replace(ranked, nsys=False), DEADLINE_S)
    assert time.monotonic() - began < DEADLINE_S
    assert result.state == "partial"
    run = result.runs[0]
    assert run.causes[1] == "The application returned an error code (1)."
    assert run.causes[0] == f"ended with rank 1, which failed: {run.causes[1]}"
    assert len(result.runs) == 1
    assert run.words == "no rank of 2 whole"


def test_a_deadline_ends_a_run_that_waits_for_a_rank(ranked: CaptureOptions, rank_stubs: Stubs) -> None:
    rank_stubs(ncu={"0": "wait", "1": "wait"})
    result = capture_ranks(replace(ranked, nsys=False), 3)
    assert {cause for run in result.runs[:1] for cause in run.causes.values()} <= {
        "not done after 3 s", "ended with rank 0, which failed: not done after 3 s",
        "ended with rank 1, which failed: not done after 3 s", "interrupted",
    }  # fmt: skip
    assert result.runs[0].state == "partial"


def test_a_killed_rank_ends_all(
    ranked: CaptureOptions, rank_stubs: Stubs, alive: Callable[[int], bool], tmp_path: Path
) -> None:
    rank_stubs(ncu={"0": "wait", "1": "wait"})
    waiting = ranked.output / "rank001" / ".partial" / "pid"
    killed: list[int] = []

    def kill() -> None:
        end = time.monotonic() + 40
        logs = [ranked.output / f"rank00{rank}" / ".partial" / "decode-core-cold.log" for rank in range(2)]
        while time.monotonic() < end and not all(log.exists() and "stuck_kernel" in log.read_text() for log in logs):
            time.sleep(0.05)
        pid = int(waiting.read_text())
        killed.append(pid)
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    result = capture_ranks(replace(ranked, nsys=False), DEADLINE_S)
    thread.join()
    run = result.runs[0]
    assert run.causes == {0: "ended with rank 1, which was killed", 1: "it was killed"}
    assert run.partial == (0,)
    assert run.missing == (1,)
    assert not alive(killed[0])
    assert not alive(int((ranked.output / "child.pid").read_text()))


def test_too_few_gpus_and_mig_are_refused(ranked: CaptureOptions, gpus_here: Callable[..., None]) -> None:
    gpus_here(1)
    with pytest.raises(RoofprofError, match="--ranks 2 and 1 GPU is here"):
        capture_ranks(ranked, DEADLINE_S)
    gpus_here(2, mig="Enabled")
    with pytest.raises(RoofprofError, match="MIG is on"):
        capture_ranks(ranked, DEADLINE_S)
    with pytest.raises(UsageError, match="--ranks 2 is not the layer's 4"):
        capture_ranks(replace(ranked, tp=4), DEADLINE_S)
    assert not ranked.output.exists()


def test_a_port_in_use_is_left_for_another(ranked: CaptureOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], launch.free_port()])
        monkeypatch.setattr(launch, "free_port", lambda: next(ports))
        options = replace(ranked, nsys=False, groups=("link",), only="rope")
        monkeypatch.setattr(launch._Session, "runs", lambda self: iter([self._run(self.plan.parts[0].jobs[0])]))
        shown: list[str] = []
        with pytest.raises(RoofprofError):  # no run was noted: the session is ours
            capture_ranks(options, DEADLINE_S, lambda run: shown.append(run.words))
    assert shown == ["all 2 ranks"]


def test_an_earlier_capture_is_replaced_by_force_alone(ranked: CaptureOptions) -> None:
    (ranked.output / "rank007").mkdir(parents=True)
    (ranked.output / "rank007" / "manifest.json").touch()
    with pytest.raises(UsageError, match="is not empty"):
        capture_ranks(ranked, DEADLINE_S)
    (ranked.output / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        capture_ranks(replace(ranked, force=True), DEADLINE_S)


def test_words_for_ncu_reach_every_rank_as_they_were(options: CaptureOptions) -> None:
    from roofprof.cli.capture import _ncu_words

    given = ("--profile-from-start", "off", "-k", "regex:a b|c'd")
    words = launch.launch_command(replace(options, ranks=2, tp=2, ncu_args=given), "decode-core-cold", 1, 5)
    split = _ncu_words(words[words.index("rank") :])
    assert [word.partition("=")[2] for word in split if word.startswith("--ncu-args=")] == list(given)
