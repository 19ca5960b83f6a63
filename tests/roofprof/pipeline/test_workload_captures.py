"""Captures of workloads of known work, made on an H100 with ncu 2025.3.1: exact FLOPs, and what a user sees first."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from roofprof import analyze
from roofprof.cli import run
from roofprof.samples import SAMPLES, unpack

Find = Callable[[str], Path]

WORK = {
    "triton": {"matmul": ("tensor_bf16_flop_count", 137_438_953_472.0)},
    "cupy-graph": {"fma32": ("fp32_flop_count", 2_147_483_648.0), "fma64": ("fp64_flop_count", 536_870_912.0)},
}


PACKED = ("hf-modules", "hf-emit", "hf-compile", "hf-fp16", "jax", "sglang-graph")
"""Captures of transformers, JAX and SGLang; `sglang` comes with the package."""


@pytest.fixture(scope="module")
def capture(root: Path, unpacked: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Find:
    def find(name: str) -> Path:
        if name in WORK:
            return root / "tests" / "data" / "workloads" / name
        return unpack(name, tmp_path_factory.mktemp("sample")) if name in SAMPLES else unpacked(f"workloads/{name}")

    return find


@pytest.fixture(params=WORK)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(root: Path, name: str) -> Path:
    return root / "tests" / "data" / "workloads" / name


def test_every_launch_does_the_work_that_it_was_written_to_do(folder: Path, name: str) -> None:
    kernels = analyze(folder).kernels
    for function, (column, flop_count) in WORK[name].items():
        launches = kernels.filter(pl.col("kernel_name") == function)
        assert launches[column].to_list() == [flop_count] * 3
        assert launches["flop_count"].to_list() == [flop_count] * 3


def test_softmax_moves_what_it_has_to(root: Path) -> None:
    kernels = analyze(root / "tests" / "data" / "workloads" / "triton").kernels
    softmax = kernels.filter(pl.col("kernel_name") == "softmax")
    assert softmax["dram_bytes"].to_list() == pytest.approx([536_870_912.0] * 3, rel=0.05)


def test_a_region_leaves_out_what_xla_tries_before(unpacked: Callable[[str], Path]) -> None:
    """A marked call is two products and what XLA fused around them; 853 GPU operations before them are left out."""
    report = analyze(unpacked("workloads/jax")).data
    (op,) = report.ops
    assert (op.op, op.calls, len(op.kernels)) == ("mlp", 3, 4)
    assert op.flop_by_pipe["tensor_bf16"] == 68_719_476_736
    assert 272_629_760 < (op.dram_bytes or 0) < 1.1 * 272_629_760


def test_other_launches_in_another_run_are_said_and_not_paired(unpacked: Callable[[str], Path]) -> None:
    """XLA chose another block of its fused reduction in each start; nsys found no name for the one of its run."""
    told = {(f.kind, f.message) for f in analyze(unpacked("workloads/jax")).findings}
    assert ("launch-unmatched", "3 of (unnamed) that only nsys has: ncu did not profile it") in told
    assert sum("1 of loop_reduce_fusion that only ncu has" in message for _, message in told) == 1
    assert sum(kind == "merge-unmatched" and "1 of 3 launches" in message for kind, message in told) == 1
    assert ("name-unknown", "3 kernels have no name in the trace's strings: they are unnamed") in told


def test_launches_of_a_trace_without_ranges_are_no_misfits(folder: Path) -> None:
    kinds = {finding.kind for finding in analyze(folder).findings}
    assert "no-region" in kinds
    assert not kinds & {"launch-unmatched", "merge-unmatched", "outside-ranges", "altered-file"}


@pytest.mark.parametrize("name", [*WORK, *PACKED, "sglang"])
def test_the_first_screen(
    capture: Find, name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["analyze", str(capture(name)), "--gpu", "same"]) == 0
    golden(f"first-screen-{name}.txt", capsys.readouterr().out)


@pytest.mark.parametrize("name", [*WORK, *PACKED, "sglang"])
def test_every_row_has_the_time_that_nsys_saw(capture: Find, name: str) -> None:
    assert {op.time_source for op in analyze(capture(name)).data.ops} == {"nsys"}


def test_beside_graphs_that_were_profiled_whole_ncu_stretches_every_kernel(unpacked: Callable[[str], Path]) -> None:
    """What ncu makes of a 3 µs kernel there is no time of anything: 13.7 ms of a step that takes 3.4."""
    report = analyze(unpacked("workloads/sglang-graph")).data
    rows = [op for op in report.ops if op.kind == "kernel"]
    assert (report.unattributed.duration_ns or 0) > 13e6
    assert sum(op.calls * (op.time_ns or 0) for op in rows) == pytest.approx(3.36e6, rel=0.01)
    (graph,) = (op for op in rows if op.op == "graph")
    assert graph.nsys_union_ns == pytest.approx(1.1e6, rel=0.01)
    assert graph.duration_ns == pytest.approx(1.43e6, rel=0.01)
