"""What doctor says of several GPUs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from stub_tools import write_script

from roofprof.profiler.doctor import doctor
from roofprof.profiler.ranks.checks import rank_checks

LINKED = """#!/bin/sh
case "$1" in
nvlink) for g in 0 1; do echo "GPU $g: H100"; for l in 0 1 2; do echo "	 Link $l: 26.562 GB/s"; done; done ;;
*) for g in 0 1; do echo "$g, GPU-0000$g, NVIDIA H100 80GB HBM3, 9.0, 580.65.06, 81559, 4, {mig}"; done ;;
esac
"""


def statuses(ranks: int, folder: Path) -> dict[str, tuple[str, str]]:
    return {check.name: (check.status, check.detail) for check in rank_checks(ranks, folder, torch=False)}


def test_two_linked_gpus(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tools / "nvidia-smi", LINKED.format(mig="Disabled"))
    monkeypatch.setenv("NCCL_NVLS_ENABLE", "0")
    found = statuses(2, tmp_path)
    assert found["GPUs"] == ("ok", "2 of NVIDIA H100 80GB HBM3")
    assert found["NVLink"] == ("ok", "3 active links a GPU")
    assert found["NVLS"][0] == found["MIG, all GPUs"][0] == found["shared folder"][0] == "ok"
    assert statuses(4, tmp_path)["GPUs"] == ("fail", "2 of NVIDIA H100 80GB HBM3, and 4 are needed")


def test_slices_and_nvls_are_said(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tools / "nvidia-smi", LINKED.format(mig="Enabled"))
    monkeypatch.delenv("NCCL_NVLS_ENABLE", raising=False)
    found = statuses(2, tmp_path)
    assert (found["MIG, all GPUs"][0], found["NVLS"][0]) == ("fail", "warn")


def test_one_gpu_is_not_asked_about_others(tools: Path, gpus_here: Callable[..., None], tmp_path: Path) -> None:
    gpus_here(1)
    assert "NVLink" not in {check.name for check in doctor(tmp_path, harness=False)}
    gpus_here(2)
    names = {check.name: check.status for check in doctor(tmp_path, harness=False)}
    assert names["NVLink"] == "warn"
    assert {check.name: check.status for check in doctor(tmp_path, harness=False, ranks=4)}["GPUs"] == "fail"
