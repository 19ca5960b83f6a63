"""Captures of workloads of known work, made on an H100 with ncu 2025.3.1: exact FLOPs, and what a user sees first."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from roofprof import analyze
from roofprof.cli import run
from roofprof.results.op import short_labels
from roofprof.samples import SAMPLES, unpack

Find = Callable[[str], Path]

WORK = {
    "triton": {"matmul": ("tensor_bf16_flop_count", 137_438_953_472.0)},
    "cupy-graph": {"fma32": ("fp32_flop_count", 2_147_483_648.0), "fma64": ("fp64_flop_count", 536_870_912.0)},
}


PACKED = (
    "hf-modules", "hf-emit", "hf-compile", "hf-fp16", "jax", "sglang-graph", "sglang-graph-nodes", "vllm", "vllm-moe",
)  # fmt: skip
"""Captures of transformers, JAX, SGLang and vLLM; `sglang` comes with the package."""


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


def test_nodes_of_a_graph_count_what_the_same_kernels_count_outside_it(capture: Find) -> None:
    """SGLang's decode step, replayed and launched: the same products of the same sizes, in runs a day apart."""
    nodes, eager = (analyze(capture(name)).kernels for name in ("sglang-graph-nodes", "sglang"))
    for function, launches in (("fused_moe_kernel", 6), ("fused_a_gemm_kernel", 6)):
        ours, theirs = (k.filter(pl.col("kernel_name") == function).sort("grid", "dram_bytes") for k in (nodes, eager))
        assert ours.height == theirs.height == launches
        assert ours["flop_count"].to_list() == theirs["flop_count"].to_list()
        assert ours["dram_bytes"].to_list() == pytest.approx(theirs["dram_bytes"].to_list(), rel=0.03)


def test_a_kernel_that_was_left_out_is_told_and_in_no_row(capture: Find) -> None:
    report = analyze(capture("sglang-graph-nodes")).data
    (told,) = (f for f in report.findings if f.kind == "capture-changed")
    assert "RMSNormKernel: profiled without it" in told.message
    assert report.kernels.height == 192
    assert {op.op for op in report.ops if "RMSNorm" in op.op} == {"FusedAddRMSNormKernel"}


PROJECTIONS = {
    "qkv_proj": (6144, 4096),
    "o_proj": (4096, 4096),
    "dense_gate_up": (28672, 4096),
    "dense_down": (4096, 14336),
}


def test_vllm_multiplies_what_its_config_says(capture: Find) -> None:
    """Llama, 8 sequences: FLOPs are 2mnk and the sums of split K, bytes those of weight, input and output."""
    ops = {op.op: op for op in analyze(capture("vllm")).data.ops}
    for name, (n, k) in PROJECTIONS.items():
        op = ops[name]
        assert op.formula is not None
        assert dict(op.formula.shape) == {"m": 8, "n": n, "k": k, "precision": "bf16"}
        assert op.flop_count == pytest.approx(2 * 8 * n * k, rel=0.001)
        assert op.dram_bytes == pytest.approx(2 * (n * k + 8 * (n + k)), rel=0.02)


def test_layers_of_vllm_are_calls_of_one_row(capture: Find) -> None:
    """Two layers, two steps; only the first norm is another one, for it has no residual to add."""
    report = analyze(capture("vllm")).data
    calls = {label: op.calls for label, op in zip(short_labels(report.ops), report.ops, strict=True)}
    assert len(calls) == len(report.ops)
    assert {calls[name] for name in (*PROJECTIONS, "self_attn.attn", "post_attention_layernorm")} == {4}
    assert calls["input_layernorm rmsnorm"] == calls["input_layernorm add_rmsnorm"] == 2
    assert calls["embed_tokens"] == calls["logits_processor"] == calls["model.norm"] == 2


def test_the_time_of_launches_in_no_range_is_that_of_their_rows(
    capture: Find, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under nsys, as all times of this screen: ncu's own are of each kernel alone."""
    monkeypatch.setenv("COLUMNS", "120")
    report = analyze(capture("sglang")).data
    total = sum(op.calls * (op.time_ns or 0) for op in report.ops if op.kind == "kernel")
    assert run(["analyze", str(capture("sglang")), "--gpu", "same"]) == 0
    assert f"33 launches in no range, {total / 1e3:.1f} µs in all\n" in capsys.readouterr().out
