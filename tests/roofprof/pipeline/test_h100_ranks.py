"""The decode layer of R1 cut over two real H100, against one GPU's capture of it, and the formulas."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import roofprof
from roofprof.findings import Finding
from roofprof.ranks.checks import sent_finding
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

HALVED = {
    "q_b_proj", "q_nope_w_kc", "attn_w_vc", "o_proj", "shared_gate_up", "shared_down", "moe_gate_up", "moe_down",
    "quant_o_proj", "moe_silu_and_mul", "quant_moe_down",
}  # fmt: skip
"""What TP cuts, by heads, by o_proj's K or by the width of the MLPs."""
WHOLE = {"fused_qkv_a_proj", "input_layernorm", "post_attention_layernorm", "router_gemm", "topk", "moe_combine"}


@pytest.fixture(scope="module")
def tp2(unpacked: Callable[[str], Path]) -> Path:
    return unpacked("ranks/h100-tp2")


@pytest.fixture(scope="module")
def ep2(unpacked: Callable[[str], Path]) -> Path:
    return unpacked("ranks/h100-ep2")


@pytest.fixture(scope="module")
def one_gpu(data: Path) -> dict[str, OpResult]:
    return {op.op: op for op in roofprof.analyze(data / "h100-fp8").data.ops if (op.phase, op.batch) == ("decode", 64)}


@pytest.fixture(scope="module")
def together(tp2: Path) -> RooflineReport:
    return roofprof.analyze(tp2).data


def by_name(folder: Path) -> dict[str, OpResult]:
    return {op.op: op for op in roofprof.analyze(folder).data.ops}


@pytest.mark.parametrize("rank", [0, 1])
def test_tp_halves_flops_and_weights_of_what_it_cuts(tp2: Path, one_gpu: dict[str, OpResult], rank: int) -> None:
    found = by_name(tp2 / f"rank00{rank}")
    for names, share in ((HALVED, 0.5), (WHOLE, 1.0)):
        for name in names:
            here, alone = found[name], one_gpu[name]
            assert here.flop_count == pytest.approx(share * (alone.flop_count or 0), rel=1e-4), name
            assert here.dram_read_bytes == pytest.approx(share * (alone.dram_read_bytes or 0), rel=0.025), name


def test_ep_keeps_experts_whole_and_reads_those_that_are_hit(ep2: Path, one_gpu: dict[str, OpResult]) -> None:
    alone = one_gpu["moe_gate_up"]
    experts = [by_name(ep2 / f"rank00{rank}")["moe_gate_up"] for rank in range(2)]
    assert [":e126:" in experts[0].nvtx_path[-1], ":e124:" in experts[1].nvtx_path[-1]] == [True, True]
    for op, hit in zip(experts, (126, 124), strict=True):
        assert op.flop_count == pytest.approx(hit / 220 * (alone.flop_count or 0), rel=1e-3)
        assert op.dram_read_bytes == pytest.approx(hit / 220 * (alone.dram_read_bytes or 0), rel=2e-3)


def test_short_all_reduces_go_by_another_protocol(together: RooflineReport) -> None:
    (op,) = (op for op in together.ops if op.op == "all_reduce_attn")
    assert op.link_bytes_formula == 2 * 64 * 7168  # bf16, a ring of two: all of it
    assert [share.link_tx_bytes for share in op.ranks] == [1_730_752, 1_835_776]
    (finding,) = (f for f in op.findings if f.kind == "other-link-bytes")
    assert "LL protocol" in str(finding.hint)


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.0, None), (0.97, None), (1.94, "LL protocol"), (128 / 120, "LL128"), (3.0, "algorithm")]
)
def test_the_hint_follows_the_ratio(together: RooflineReport, ratio: float, words: str | None) -> None:
    (op,) = (op for op in together.ops if op.op == "all_reduce_attn")
    found: Finding | None = sent_finding(replace(op, link_tx_bytes=ratio * (op.link_bytes_formula or 0)))
    assert (found is None) if words is None else (found is not None and words in str(found.hint))


def test_unknown_bytes_are_no_finding(together: RooflineReport) -> None:
    (op,) = (op for op in together.ops if op.op == "all_reduce_mlp")
    assert op.link_tx_bytes is None
    assert sent_finding(op) is None


def test_a_run_that_was_ended_is_named(together: RooflineReport) -> None:
    told = {f.kind: f.message for f in together.findings}
    assert "link: interrupted" in told["capture-partial"]
    assert "ends after 35 of 153 launches" in told["merge-unmatched"]
